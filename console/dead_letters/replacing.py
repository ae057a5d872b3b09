"""Edit and send: a dead letter becomes a new notification that names it, checked as the API's."""

from typing import Final
from uuid import UUID

from pydantic import JsonValue
from uuid_utils.compat import uuid7

from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.requeue import replace
from broker_topology.dead_letters.walk import Specimen
from common.envelope import Delivery, Origin
from common.http.problems import FieldFault
from common.http.validation import invalid_request
from common.settings import Settings
from console.auditing import audited_letters
from console.services.anew import built_anew, checked, request_of
from console.walks import Walk
from gateway_api.notifications.validation import ValidNotification
from store.access.audit import Action

ORIGIN: Final = "dead_letter"
"""Kind of origin of what was sent in a dead letter's place; the id is the letter's."""


class Replacing:
    """Sends notifications in the place of letters, with the rights and the owner of those."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings, self._url = settings, url

    def send(
        self, letter_id: str, body: bytes, actor: str, patience: Patience, walk: Walk
    ) -> Delivery:
        """The new delivery, which the broker has. Blocking.

        body: the JSON document of the API. Raises Problem for what is wrong with it, and as
        `replace` does; the letter is where it was then.
        """
        notification = self._checked(body)
        new_id = UUID(str(uuid7()))

        def make(specimen: Specimen) -> Delivery:
            return self._built(notification, new_id, specimen)

        named = {"letter": letter_id[:80], "by": str(new_id)}
        with audited_letters(self._settings, actor, Action.REPLACED, None, **named) as noted:
            new = replace(self._url, letter_id, make, patience=patience)
            noted.number = 1
        walk.note(1)
        return new

    def _checked(self, body: bytes) -> ValidNotification:
        notification = checked(self._settings, body)
        if len(notification.recipients) != 1:
            raise invalid_request([FieldFault("/to", "a letter is replaced by one recipient's")])
        if notification.copies:
            sentence = "the letter was one recipient's alone: send copies with the API"
            raise invalid_request([FieldFault("/email", sentence)])
        return notification

    def _built(self, notification: ValidNotification, new_id: UUID, specimen: Specimen) -> Delivery:
        origin = Origin(kind=ORIGIN, id=specimen.letter.id)
        before = _delivery_of(specimen)
        [new] = built_anew(self._settings, notification, new_id, before, origin)
        return new


def draft_of(specimen: Specimen) -> dict[str, JsonValue]:
    """The request that would send a letter again as it is, to be changed. Raises Problem."""
    delivery = _delivery_of(specimen)
    if delivery is None:
        raise invalid_request([FieldFault("", "the letter cannot be decoded: write a new one")])
    return request_of(delivery, specimen.letter.address or delivery.address)


def _delivery_of(specimen: Specimen) -> Delivery | None:
    return None if specimen.letter.fault is not None else Delivery.decode(specimen.body)

"""Sending a delivery again, each kind in its way; done in threads, written into the audit log."""

from contextlib import closing
from uuid import UUID

from pydantic_core import to_json
from uuid_utils.compat import uuid7

from broker_topology.dead_letters.queue import Patience, alone
from broker_topology.dead_letters.requeue import STALLED, resend, send_new
from common.envelope import Delivery, Origin
from common.settings import Settings
from console.auditing import audited
from console.services.anew import built_anew, checked, request_of
from store.access.audit import Action
from store.database import Database
from store.facts import Place
from store.stalled import Stalled, await_moved, list_stalled

_STORED_S = 5.0
_PATIENCE = Patience(operator_s=2 * _STORED_S)

ORIGIN = "console"
"""Kind of origin of what a page has sent; the id is that of the delivery that it repeats."""


def send_stalled(settings: Settings, place: Place, actor: str) -> Stalled | None:
    """Send what stands still as it was accepted; None: it does not, or no more.

    What has no body was erased, and is not sent. Raises DeadLetterError, TopologyError,
    StoreUnavailable.
    """
    with (
        closing(Database(settings.store_url)) as database,
        alone(settings.broker_url, STALLED, _PATIENCE) as connection,
    ):
        with database.reading() as reading:
            found = list_stalled(reading, limit=1, places=[place])
        if not found or found[0].body is None:
            return found[0] if found else None
        [one], told = found, {"ids": [found[0].id]}
        with audited(settings, actor, Action.RESENT, STALLED, told) as noted:
            noted.number = resend(connection, [(found[0].body, one.progress)])
        await_moved(database, [place], _STORED_S)
        return one


def send_anew(settings: Settings, body: bytes, address: str, actor: str) -> UUID:
    """Send what a delivery said as a new notification of the same owner; the new one's id.

    It is checked as the API checks it. Raises Problem, DeadLetterError, TopologyError.
    """
    before = Delivery.decode(body)
    notification = checked(settings, to_json(request_of(before, address)))
    new_id = UUID(str(uuid7()))
    origin = Origin(kind=ORIGIN, id=before.id)
    new = built_anew(settings, notification, new_id, before, origin)
    told = {"delivery": before.id, "by": str(new_id)}
    with audited(settings, actor, Action.RESENT, "deliveries", told) as noted:
        noted.number = send_new(settings.broker_url, new)
    return new_id

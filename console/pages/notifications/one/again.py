"""Sending a delivery again, each kind in its way; done in threads, written into the audit log."""

from uuid import UUID

from pydantic_core import to_json
from uuid_utils.compat import uuid7

from broker_topology.connect import connected
from broker_topology.dead_letters.requeue import resend, send_new
from common.envelope import Delivery, Origin, Progress
from common.settings import Settings
from console.auditing import audited
from console.services.anew import built_anew, checked, request_of
from store.access.audit import Action
from store.stalled import Stalled

ORIGIN = "console"
"""Kind of origin of what a page has sent; the id is that of the delivery that it repeats."""


def send_stalled(settings: Settings, one: Stalled, body: bytes, actor: str) -> None:
    """Send what stands still as it was accepted. Raises DeadLetterError, TopologyError."""
    progress = Progress(generation=max(one.generation, 0), address=one.moved_to)
    told = {"ids": [one.id]}
    with (
        connected(settings.broker_url) as connection,
        audited(settings, actor, Action.RESENT, "stalled deliveries", told) as noted,
    ):
        noted.number = resend(connection, [(body, progress)])


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

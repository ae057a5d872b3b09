"""What a message on `notifications`, `events` or `dead` says became true of a delivery; pure.

A journal and a live follower read the same, whichever client library gave them the message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from broker_topology.topology import DEAD, EVENTS, NOTIFICATIONS
from common.channels import Channel, Priority
from common.envelope import Delivery, Event, Progress, event_id, target
from common.errors import UndecodableError
from common.facts import dead_letter_fact
from common.watching.tracing import trace_id_of


@dataclass(frozen=True)
class Accepted:
    """A delivery came to its channel's queue, from the API or as the next step of a fallback.

    delivery: as it is to be sent in this step; body: as it travels, byte for byte; trace_id: of the
    request that it came with, or that the API began.
    """

    type: ClassVar[str] = "accepted"
    generation: ClassVar[int] = 0
    attempt: ClassVar[int] = 0

    delivery: Delivery
    body: bytes
    step: int = 0
    trace_id: str | None = None

    @cached_property
    def id(self) -> UUID:
        """The fact's: the same for every copy of the message."""
        return event_id(self.delivery.id, 0, 0, f"accepted{self.step or ''}")

    @property
    def delivery_id(self) -> str:
        """Which delivery it is about, as of an event."""
        return self.delivery.id

    @property
    def notification_id(self) -> UUID:
        """The notification that the delivery is of."""
        return self.delivery.notification_id

    @property
    def channel(self) -> Channel:
        """The delivery's."""
        return self.delivery.channel

    @property
    def priority(self) -> Priority:
        """The delivery's."""
        return self.delivery.priority

    @property
    def owner(self) -> str | None:
        """The delivery's."""
        return self.delivery.owner

    @property
    def at(self) -> datetime:
        """When it was accepted."""
        return self.delivery.accepted_at


Fact = Event | Accepted


def read_fact(
    exchange: str,
    routing_key: str,
    body: bytes,
    headers: Mapping[str, Any],
    *,
    message_id: str | None,
    heard_at: datetime,
) -> Fact:
    """The fact that a message tells.

    headers: as they came, those of the broker among them; heard_at: when it came. Raises
    UndecodableError, too of an event that only a newer gateway knows.
    """
    if exchange == EVENTS:
        return Event.decode(body)
    if exchange == DEAD:
        return dead_letter_fact(
            body, headers, message_id=message_id, routing_key=routing_key, heard_at=heard_at
        )
    if exchange == NOTIFICATIONS:
        progress = Progress.from_headers(headers)
        delivery = target(Delivery.decode(body), progress)
        return Accepted(delivery, body, progress.step, trace_id_of(headers))
    raise UndecodableError(f"the exchange {exchange!r} tells no facts")

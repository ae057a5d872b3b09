"""Telling what operators do to dead letters, on the exchange `events`; pika."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from pika import BasicProperties, DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, NackError

from broker_topology.topology import EVENTS
from common.envelope import Delivery, Event, EventType, Progress
from common.errors import UndecodableError
from common.facts import make_event, read_subject
from common.times import utc_now

_log = logging.getLogger(__name__)

IMPORTED_AT: Final = "gw-imported-at"
"""Header of a letter that came back from a file: when, in epoch milliseconds.

It tells apart what is done to a letter before and after; a repetition of the same act finds it.
"""

_NACKS: Final = 5  # some queue that listens is full, or has lost its majority for a moment
_NACK_WAIT_S: Final = 0.2
_TRY_AGAIN_S: Final = 5.0


class Teller:
    """Publishes facts through a channel of its own; that they are refused stops no work.

    A missing or forbidden exchange closes the channel that publishes to it, and so must not share
    one with what replaces a letter. untold: how many facts were refused.
    """

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._channel: BlockingChannel | None = None
        self._try_again_at = 0.0
        self.untold = 0

    def tell(self, event: Event | None) -> None:
        """Publish a fact and return after its confirm, or at once while they are refused.

        None is no fact. Raises as losing the connection.
        """
        if event is None:
            return
        if time.monotonic() < self._try_again_at:
            self.untold += 1
            return
        for _ in range(_NACKS):
            try:
                self._publish(event)
            except NackError:
                self._connection.sleep(_NACK_WAIT_S)
            except ChannelClosedByBroker as error:
                self._lose(error.reply_text)
                return
            else:
                return
        self._lose("the broker takes none")

    def breathe(self) -> None:
        """Answer the broker's heartbeats."""
        self._connection.process_data_events(0)

    def _publish(self, event: Event) -> None:
        if self._channel is None or self._channel.is_closed:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=DeliveryMode.Persistent.value,
            message_id=str(event.id),
            app_id="gateway",
        )
        self._channel.basic_publish(EVENTS, event.routing_key, event.encode(), properties)

    def _lose(self, why: str) -> None:
        if not self.untold:
            _log.error(
                "What becomes of dead letters cannot be told on the exchange %s (%s): the work "
                "goes on, and status may not show it. Run `gateway topology check`.",
                EVENTS,
                why,
            )
        self.untold += 1
        self._try_again_at = time.monotonic() + _TRY_AGAIN_S


def requeued(now: Delivery, progress: Progress, redirect: str | None) -> Event:
    """A letter is in its channel's queue again; now: as it is to be sent from now on."""
    kind = EventType.REDIRECTED if redirect else EventType.REQUEUED
    return make_event(kind, now, progress, at=utc_now(), serial=redirect or "")


def letter_fact(
    kind: EventType,
    body: bytes,
    headers: Mapping[str, Any],
    *,
    message_id: str | None,
    routing_key: str,
) -> Event | None:
    """A letter was discarded or came back from a file; None when nobody knows whose it is."""
    try:
        progress, subject = read_subject(body, headers, message_id, routing_key)
    except UndecodableError:
        return None
    mark = headers.get(IMPORTED_AT)
    serial = str(mark) if isinstance(mark, int) else ""
    return make_event(kind, subject, progress, at=utc_now(), serial=serial)

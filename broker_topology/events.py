"""Listening to what becomes true of deliveries, live, on the exchange `events`; pika."""

import logging
import threading
from collections.abc import Iterator

from pika.exceptions import ChannelClosedByBroker

from broker_topology.connect import channel, connected, refusal
from broker_topology.topology import EVENTS
from common.envelope import Event
from common.errors import UndecodableError

_log = logging.getLogger(__name__)


def listen(
    url: str, stopping: threading.Event, *, pattern: str = "#", ready: threading.Event | None = None
) -> Iterator[Event]:
    """Yield events as they come until `stopping` is set; those before the call are not seen,
    and one that cannot be read is skipped and said once.

    pattern: topic pattern over `<channel>.<event>`, such as `email.*` or `*.failed`. ready is set
    when nothing published from then on is missed. Raises TopologyError when the broker is lost, or
    when this user may not listen.
    """
    with connected(url) as connection, channel(connection) as opened:
        try:
            queue = opened.queue_declare("", exclusive=True).method.queue
            opened.queue_bind(queue, EVENTS, pattern)
        except ChannelClosedByBroker as error:
            raise refusal(error, "a queue of its own for events") from error
        if ready is not None:
            ready.set()
        for _, _, body in opened.consume(queue, auto_ack=True, inactivity_timeout=0.2):
            if stopping.is_set():
                return
            if body is not None and (event := _read(body)):
                yield event


_unreadable: set[str] = set()  # told of already


def _read(body: bytes) -> Event | None:
    """An event, or None for one of a type or channel that only a newer gateway knows."""
    try:
        return Event.decode(body)
    except UndecodableError as error:
        if str(error) not in _unreadable:
            _unreadable.add(str(error))
            _log.warning("An event was skipped (%s): a newer gateway may have made it.", error)
        return None

"""Putting dead letters, and what got lost, back to be sent again; pika.

Publish, await the confirm, tell, ack.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pika import BasicProperties, DeliveryMode
from pika.adapters.blocking_connection import BlockingConnection
from pika.data import encode_table
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from broker_topology.apply import exists
from broker_topology.connect import connected
from broker_topology.dead_letters.letter import DeadLetter, read_progress
from broker_topology.dead_letters.queue import (
    PATIENT,
    DeadLetterError,
    Patience,
    QueueRefusedError,
    Taken,
)
from broker_topology.dead_letters.selection import Selection, by_ids
from broker_topology.dead_letters.telling import Teller, letter_fact, requeued
from broker_topology.dead_letters.walk import NoSuchLetterError, Specimen, specimen_of
from broker_topology.dead_letters.work import Worklist
from broker_topology.topology import DUE, NOTIFICATIONS, Queue, queue_name, requeue_key
from common.broker.consumer import foreign_headers
from common.envelope import PROGRESS_PREFIX, Delivery, Event, EventType, Progress, target
from common.settings import Rate
from common.times import epoch_ms, utc_now

_LONGEST = timedelta(days=30)  # that the API gives a notification
_MOMENT_S = 0.1  # after which work that waits for its turn hears that nobody wants it any more
_SHORT_STRING_BYTES = 255  # AMQP's, of a message_id


@dataclass(frozen=True, slots=True)
class Requeued:
    """What came of it: letters put back, letters that cannot be decoded and stay, unknown ids."""

    requeued: int
    undecodable: int
    missing: list[str]


def requeue(
    url: str,
    selection: Selection,
    *,
    limit: int | None = None,
    rate: Rate | None = None,
    redirect: str | None = None,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
    depths: Mapping[str, int] | None = None,
) -> Requeued:
    """Put the selected letters back into their channel queues, as new generations.

    limit: most letters; redirect: the address to send to from now on; on_progress: told how many
    are back; depths: of a Plan, so that nothing else is touched. A letter is acked when the
    broker has confirmed its copy, and then the event that tells it: being killed loses none and
    doubles at most the one in hand.
    Raises DeadLetterError, TopologyError.
    """
    with connected(url, patience.broker_s) as connection:
        publisher, teller = Publisher(connection), Teller(connection)
        pace = _Pace(rate)
        work = Worklist(url, selection, limit, patience, accepts=is_decodable, depths=depths)
        work.on_window = publisher.breathe
        with closing(work.batches()) as batches:
            for batch in batches:
                for letter, taken in batch:
                    while wait_s := pace.wait_s():
                        connection.sleep(min(wait_s, _MOMENT_S))
                        work.breathe()
                    if work.is_late:
                        break
                    teller.tell(publisher.put_back(taken.body, taken.headers, redirect))
                    work.done(letter, taken)
                    on_progress(work.handled)
                    work.breathe()
    return Requeued(work.handled, work.refused, work.missing)


STALLED: Final = "stalled deliveries"
"""Whoever sends such again is `alone` with that, and looks whether they still are."""


def resend(
    connection: BlockingConnection,
    deliveries: Iterable[tuple[bytes, Progress]],
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Put what got lost on its way into its channel's queue again, and tell each; how many.

    Each is its body as it was accepted, and how far it had come. Should the first one be somewhere
    all the same, the recipient gets it twice. Raises DeadLetterError.
    """
    number = 0
    publisher, teller = Publisher(connection), Teller(connection)
    for number, (body, progress) in enumerate(deliveries, 1):
        teller.tell(publisher.put_back(body, dict(progress.to_headers()), None))
        on_progress(number)
    return number


def replace(
    url: str,
    letter_id: str,
    make: Callable[[Specimen], Delivery],
    *,
    patience: Patience = PATIENT,
) -> Delivery:
    """Send a new delivery in a letter's place: accepted as any other, and then the letter goes.

    make: the new one, from what the letter is; it may raise, and nothing is changed. The letter is
    held meanwhile, so nobody else sends it. A kill between the two leaves both, never none. The
    fact that tells of the letter names the new notification. Raises NoSuchLetterError,
    DeadLetterError, TopologyError.
    """
    with connected(url, patience.broker_s) as connection:
        publisher, teller = Publisher(connection), Teller(connection)
        work = Worklist(url, by_ids([letter_id]), 1, patience)
        with closing(work.batches()) as batches:
            for letter, taken in (one for batch in batches for one in batch):
                new = make(specimen_of(taken, letter))
                publisher.expect(queue_name(new.channel, new.priority))
                publisher.publish(NOTIFICATIONS, new.routing_key, new.encode(), {}, new.id)
                teller.tell(_replaced(taken, new))
                work.done(letter, taken)
                return new
    raise NoSuchLetterError(f"There is no dead letter {letter_id}.")


def send_new(url: str, deliveries: Sequence[Delivery]) -> int:
    """Send new deliveries, accepted as any others; how many. Raises DeadLetterError, TopologyError.

    The broker has confirmed each of them; those before one that it refuses are on their way.
    """
    with connected(url) as connection:
        publisher = Publisher(connection)
        for one in deliveries:
            publisher.expect(queue_name(one.channel, one.priority))
        for one in deliveries:
            publisher.publish(NOTIFICATIONS, one.routing_key, one.encode(), {}, one.id)
    return len(deliveries)


def is_decodable(letter: DeadLetter) -> bool:
    """Whether a sender could make anything of it."""
    return letter.fault is None


def renewed(
    before: Progress, delivery: Delivery, now: datetime, redirect: str | None = None
) -> Progress:
    """The progress of a delivery that starts anew, as a new generation.

    It may take as long as it could at first, counted from `now`; whatever its two moments are, not
    less than no time and not more than 30 days.
    """
    lifetime = min(max(delivery.expires_at - delivery.accepted_at, timedelta()), _LONGEST)
    return Progress(
        step=before.step,
        address=redirect or before.address,
        generation=before.generation + 1,
        expires_at_ms=epoch_ms(now + lifetime),
    )


def onward_headers(headers: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Headers of a letter's copy: what is foreign stays, ours and the broker's are replaced."""
    return foreign_headers(headers, PROGRESS_PREFIX, _header_bytes) | progress.to_headers()


def _header_bytes(name: str, value: Any) -> int | None:
    try:
        return int(encode_table([], {name: value}))
    except Exception:  # such as a number with a fraction that it has read
        return None


def _replaced(taken: Taken, new: Delivery) -> Event | None:
    fact = letter_fact(
        EventType.DISCARDED,
        taken.body,
        taken.headers,
        message_id=taken.properties.message_id,
        routing_key=taken.routing_key,
    )
    told = {"code": "replaced", "message": f"replaced by notification {new.notification_id}"}
    return fact and fact.model_copy(update=told)


class Publisher:
    """Publishes one message at a time and returns after the broker's confirm."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._channel = connection.channel()
        self._channel.confirm_delivery()
        self._known: set[str] = set()

    def put_back(self, body: bytes, headers: dict[str, Any], redirect: str | None) -> Event:
        """Publish a dead letter's delivery to its channel queue as a new generation.

        Returns the fact that is to be told of it.
        """
        delivery = Delivery.decode(body)
        progress = renewed(read_progress(headers), delivery, utc_now(), redirect)
        now = target(delivery, progress)
        self.expect(queue_name(now.channel, now.priority))
        key = requeue_key(now.channel, now.priority)
        self.publish(DUE, key, body, onward_headers(headers, progress), delivery.id)
        return requeued(now, progress, redirect)

    def publish(
        self, exchange: str, key: str, body: bytes, headers: dict[str, Any], message_id: str | None
    ) -> None:
        """Publish persistently, without headers that cannot be written.

        Raises DeadLetterError when the broker does not take it.
        """
        has_room = len((message_id or "").encode()) <= _SHORT_STRING_BYTES
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=DeliveryMode.Persistent.value,
            headers={name: headers[name] for name in headers if _header_bytes(name, headers[name])},
            message_id=message_id if has_room else None,
            app_id="gateway",
        )
        try:
            self._channel.basic_publish(exchange, key, body, properties, mandatory=True)
        except UnroutableError as error:
            raise _no_queue(key) from error
        except NackError as error:
            raise DeadLetterError(f"The broker refused a message for {key}: try again.") from error
        except ChannelClosedByBroker as error:
            raise QueueRefusedError(
                f"The broker refuses to be published to ({error.reply_text}): use an operator's "
                "URL, and run `gateway topology check`."
            ) from error

    def breathe(self) -> None:
        """Answer the broker's heartbeats."""
        self._connection.process_data_events(0)

    def expect(self, queue: str) -> None:
        """Raise DeadLetterError unless there is this queue, without which a delivery is lost."""
        # What due cannot route goes to the queue unrouted, and what is published to
        # notifications to the journal: to the broker neither is a failure.
        if queue not in self._known and not exists(self._connection, Queue(queue, {})):
            raise _no_queue(queue)
        self._known.add(queue)


class _Pace:
    """Tells how long to wait so that no more than the rate goes out, evenly spaced."""

    def __init__(self, rate: Rate | None) -> None:
        self._interval_s = rate.interval_s if rate else 0.0
        self._next_at = time.monotonic()

    def wait_s(self) -> float:
        """Seconds until the next may go; 0 when it may go now, which takes the turn."""
        now = time.monotonic()
        if now < self._next_at:
            return self._next_at - now
        self._next_at = max(self._next_at, now - self._interval_s) + self._interval_s
        return 0.0


def _no_queue(queue: str) -> DeadLetterError:
    return DeadLetterError(f"The broker has no queue for {queue}: run `gateway topology apply`.")

"""Putting what could not be stored back into the queue `journal`; pika."""

from collections.abc import Callable

from broker_topology.connect import connected
from broker_topology.dead_letters.queue import PATIENT, Patience, opened
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.topology import JOURNAL_DEAD, JOURNAL_QUEUE
from common.broker.consumer import clean_headers

_WINDOW = 250


def waiting(url: str, *, patience: Patience = PATIENT) -> int:
    """How many there are. Raises DeadLetterError, TopologyError."""
    with opened(url, JOURNAL_DEAD, patience) as queue:
        return queue.count


def put_back(
    url: str,
    *,
    limit: int | None = None,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Have the oldest stored again, at most `limit`; how many. What comes meanwhile stays.

    Each is acked when the broker has confirmed its copy: being killed loses none, and doubles at
    most the one in hand, which a journal stores once. Raises DeadLetterError, TopologyError.
    """
    done = 0
    with (
        connected(url, patience.broker_s) as connection,
        opened(url, JOURNAL_DEAD, patience) as queue,
        queue.walk(queue.count if limit is None else min(limit, queue.count)) as walk,
    ):
        publisher = Publisher(connection)
        while not walk.is_over:
            publisher.breathe()
            for taken in list(walk.window(_WINDOW)):
                message_id = taken.properties.message_id
                headers = clean_headers(taken.headers)
                publisher.publish("", JOURNAL_QUEUE, taken.body, headers, message_id)
                taken.ack()
                done += 1
                on_progress(done)
                walk.breathe()
    return done

"""Sending again what got lost on its way: the stored body, as a new generation; pika."""

from collections.abc import Iterable

from broker_topology.connect import connected
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.dead_letters.telling import Teller
from common.envelope import Progress


def resend(url: str, deliveries: Iterable[tuple[bytes, Progress]]) -> int:
    """Put deliveries into their channel queues again, and tell each; returns how many.

    Each is its body as it was accepted, and how far it had come. Should the first one be somewhere
    all the same, the recipient gets it twice. Raises DeadLetterError, TopologyError.
    """
    with connected(url) as connection:
        publisher, teller = Publisher(connection), Teller(connection)
        number = 0
        for body, progress in deliveries:
            teller.tell(publisher.put_back(body, dict(progress.to_headers()), None))
            number += 1
        return number

"""Callbacks made by hand, straight into the broker. Blocking."""

from collections.abc import Callable, Iterator
from typing import Final
from uuid import uuid4

from broker_topology.connect import connected
from broker_topology.dead_letters.requeue import Publisher
from broker_topology.topology import CALLBACKS
from common.envelope import Delivery, Progress
from common.times import epoch_ms, utc_now
from journal.callbacks.message import make_callback, make_test
from store.callbacks.endpoints import Target
from store.callbacks.replay import Replay

_TEST_EXPIRES_S: Final = 600.0


def made_test(target: Target) -> Delivery:
    """A callback that tells nothing, for this endpoint."""
    return make_test(target, uuid4(), utc_now(), _TEST_EXPIRES_S)


def publish_test(url: str, made: Delivery) -> None:
    """Put it into the broker. Raises DeadLetterError when that does not take it."""
    with connected(url) as connection:
        key = made.routing_key
        Publisher(connection).publish(CALLBACKS, key, made.encode(), {}, made.id)


def replay(url: str, wanted: Replay, expires_in_s: float, tell: Callable[[int], object]) -> int:
    """Make again what is due, under the ids that it had, in its order; how many that were.

    As a new generation: a sender that has sent one lately would pass over the same again. tell: how
    many were made until now.
    """
    number, generation = 0, epoch_ms(utc_now())
    with connected(url) as connection:
        publisher = Publisher(connection)
        headers = dict(Progress(generation=generation).to_headers())
        for number, one in enumerate(_deliveries(wanted, expires_in_s), 1):
            publisher.publish(CALLBACKS, one.routing_key, one.encode(), headers, one.id)
            tell(number)
    return number


def _deliveries(wanted: Replay, expires_in_s: float) -> Iterator[Delivery]:
    for one in wanted.due():
        yield make_callback(one, wanted.epoch, utc_now(), expires_in_s)

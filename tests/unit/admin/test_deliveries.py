"""What a board knows of deliveries, in whatever order it hears, and however often."""

import itertools
from datetime import timedelta

import pytest

from admin.live.deliveries import Deliveries, Known
from broker_topology.facts import Fact
from common.envelope import EventType, Status
from tests.support.happenings import BEGAN, accepted, event, told
from tests.support.queues import make_delivery

DELIVERY = make_delivery(accepted_at=BEGAN)
RETRYING_1 = event(DELIVERY, EventType.RETRYING, 1)
DELAYED_1 = event(DELIVERY, EventType.DELAYED, 1, at=BEGAN + timedelta(seconds=1.5))
RETRYING_2 = event(DELIVERY, EventType.RETRYING, 2)
SENT_3 = event(DELIVERY, EventType.SENT, 3)
LIFE: list[Fact] = [accepted(DELIVERY), RETRYING_1, DELAYED_1, RETRYING_2, SENT_3]


def heard(*facts: Fact) -> Known:
    deliveries = Deliveries()
    for fact in facts:
        deliveries.hear(told(fact))
    known = deliveries.get(DELIVERY.id)
    assert known is not None
    return known


@pytest.mark.parametrize("facts", list(itertools.permutations(LIFE)))
def test_every_order_comes_to_the_same(facts: tuple[Fact, ...]) -> None:
    known = heard(*facts)
    assert (known.to, known.status, known.tries) == ("telegram:42", Status.SENT, 3)
    assert known.is_ended
    assert known.refusal == told(RETRYING_2)
    assert known.took_s(BEGAN + timedelta(hours=1)) == pytest.approx(3)


@pytest.mark.parametrize(
    ("facts", "status", "tries"),
    [
        (LIFE[:1], Status.QUEUED, 0),
        (LIFE[:2], Status.RETRYING, 1),
        (LIFE[:3], Status.RETRYING, 1),
        ([event(DELIVERY, EventType.FAILED, 1)], Status.FAILED, 1),
        ([event(DELIVERY, EventType.EXPIRED, 0)], Status.EXPIRED, 0),
    ],
)
def test_status_is_what_became_true_last(facts: list[Fact], status: Status, tries: int) -> None:
    known = heard(*facts)
    assert (known.status, known.tries) == (status, tries)


def test_what_adds_nothing_is_no_news() -> None:
    deliveries = Deliveries()
    news = [deliveries.hear(told(fact)) for fact in (*LIFE, *LIFE)]
    assert [bool(one) for one in news] == [True] * 5 + [False] * 5


def test_dead_letter_that_was_put_back_is_queued_again() -> None:
    deliveries = Deliveries()
    deliveries.hear(told(event(DELIVERY, EventType.FAILED, 4)))
    known = deliveries.hear(
        told(event(DELIVERY, EventType.REDIRECTED, 0, generation=1, address="43"))
    )
    assert known is not None
    assert (known.to, known.status, known.tries) == ("telegram:43", Status.QUEUED, 0)
    assert (
        deliveries.hear(told(event(DELIVERY, EventType.RETRYING, 3))) is None
    )  # of the time before
    sent = deliveries.hear(told(event(DELIVERY, EventType.SENT, 1, generation=1)))
    assert sent is not None
    assert sent.status is Status.SENT


def test_what_has_ended_is_forgotten_first() -> None:
    deliveries, waiting = Deliveries(most=100), make_delivery()
    deliveries.hear(told(accepted(waiting)))
    for _ in range(1000):
        deliveries.hear(told(event(make_delivery(), EventType.SENT)))
    assert [known.id for known in deliveries.under_way()] == [waiting.id]


def test_only_the_latest_are_kept() -> None:
    deliveries = Deliveries(most=100)
    for _ in range(1000):
        deliveries.hear(told(accepted(make_delivery())))
    last = make_delivery()
    deliveries.hear(told(accepted(last)))
    assert len(deliveries.under_way()) == 100
    assert deliveries.under_way()[-1].id == last.id

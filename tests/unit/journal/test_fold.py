"""Where a delivery is never depends on the order in which its facts arrive, nor on repetitions."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_topology.facts import Accepted, Fact
from common.envelope import EventType, Status
from common.times import epoch_ms
from journal.fold import fold, overall, place_of
from store.rows import DeliveryRow, NotificationRow, Overall
from tests.support.happenings import BEGAN, accepted, event
from tests.support.queues import make_delivery

DELIVERY = make_delivery(notification_id=UUID(int=7), accepted_at=BEGAN)
NO_ROW = DeliveryRow(UUID(int=7), 1, "telegram", "normal", 0)

EVENTS = st.builds(
    lambda kind, attempt, generation, seconds: event(
        DELIVERY, kind, attempt, generation=generation, at=BEGAN + timedelta(seconds=seconds)
    ),
    st.sampled_from(EventType),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 5),
)
HISTORIES = st.lists(st.one_of(EVENTS, st.just(accepted(DELIVERY))), min_size=1, max_size=12)


def after(*facts: Fact) -> DeliveryRow:
    row = replace(NO_ROW)
    for fact in facts:
        fold(row, fact, epoch_ms(fact.at))
    return row


def with_own_ids(facts: list[Fact]) -> list[Fact]:
    """Each fact once: one id is one fact, as the gateway tells them."""
    return list({fact.id: fact for fact in facts}.values())


@given(HISTORIES.flatmap(lambda facts: st.tuples(st.just(facts), st.permutations(facts))))
def test_order_of_arrival_changes_nothing(histories: tuple[list[Fact], list[Fact]]) -> None:
    one = with_own_ids(histories[0])
    other = [fact for fact in histories[1] if fact in one]
    assert after(*one) == after(*other)


@given(HISTORIES)
def test_repetitions_change_nothing(facts: list[Fact]) -> None:
    once = with_own_ids(facts)
    assert after(*once, *reversed(once)) == after(*once)


@given(HISTORIES, st.integers(0, 2))
def test_loss_of_what_others_have_overtaken_changes_nothing(
    facts: list[Fact], generation: int
) -> None:
    sent = event(DELIVERY, EventType.SENT, 4, generation=3)
    whole = after(*facts, sent)
    assert (whole.status, whole.attempt, whole.generation) == (Status.SENT, 4, 3)
    kept = [fact for fact in facts if fact.generation != generation]
    assert after(*kept, sent).status == whole.status


def test_sent_wins_beside_a_dead_letter_of_its_generation_and_says_so() -> None:
    sent, failed = event(DELIVERY, EventType.SENT, 1), event(DELIVERY, EventType.FAILED, 2)
    row = after(accepted(DELIVERY), sent, failed)
    assert (row.status, row.contradicted) == (Status.SENT, True)
    requeued = event(DELIVERY, EventType.REQUEUED, 0, generation=1)
    again = event(DELIVERY, EventType.SENT, 1, generation=1)
    assert after(failed, requeued, again).contradicted is False


def test_delayed_is_held_and_retrying_is_not() -> None:
    delayed = event(DELIVERY, EventType.DELAYED, 1, outcome="throttled")
    assert after(delayed).held == "throttled"
    assert after(delayed, event(DELIVERY, EventType.RETRYING, 2)).held is None


def test_address_is_where_the_latest_fact_says() -> None:
    moved = event(DELIVERY, EventType.REDIRECTED, 0, generation=1, address="-100")
    row = after(accepted(DELIVERY), event(DELIVERY, EventType.FAILED, 1), moved)
    assert (row.address, row.moved_to, row.status) == ("42", "-100", Status.QUEUED)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"scheduled": 2}, Overall.SCHEDULED),
        ({"queued": 2}, Overall.QUEUED),
        ({"queued": 2, "tried": 1}, Overall.SENDING),
        ({"retrying": 1, "tried": 1}, Overall.SENDING),
        ({"sent": 1, "queued": 1, "tried": 1}, Overall.SENDING),
        ({"sent": 1, "expected": 2}, Overall.SENDING),
        ({"sent": 2, "expected": 2}, Overall.SENT),
        ({"sent": 1, "failed": 1}, Overall.PARTLY_SENT),
        ({"sent": 1, "discarded": 1}, Overall.PARTLY_SENT),
        ({"failed": 1, "expired": 1}, Overall.FAILED),
        ({"discarded": 1}, Overall.FAILED),
        ({"expired": 1, "cancelled": 1}, Overall.EXPIRED),
        ({"cancelled": 2}, Overall.CANCELLED),
    ],
)
def test_notification_is_what_its_deliveries_come_to(counts: dict[str, int], said: Overall) -> None:
    row = NotificationRow(UUID(int=7), 0)
    for name, count in counts.items():
        setattr(row, name, count)
    assert overall(row) == said


def test_fact_of_no_delivery_of_ours_has_no_place() -> None:
    assert place_of(accepted(DELIVERY)) == (UUID(int=7), 1)
    odd = Accepted(DELIVERY.model_copy(update={"id": "another-1"}), b"")
    with pytest.raises(ValueError, match="another-1"):
        place_of(odd)

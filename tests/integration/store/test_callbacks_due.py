"""Who is told of which stored fact, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest

from broker_topology.facts import Fact
from common.envelope import Delivery, EventType
from store.callbacks.due import Due, first_seq_since, read_due
from store.callbacks.endpoints import State, endpoint_id, first_seq_wanted, set_state
from store.database import Database
from tests.support.calling_back import URL, endpoints, of_owner, wishing
from tests.support.happenings import accepted, event
from tests.support.stored import accepted_and_sent, at, new_deliveries, position_of, store

USUAL = ["delivery.sent", "notification.completed"]


def due(database: Database, after: int = 0, wanted: set[str] | None = None) -> list[Due]:
    with database.reading() as connection:
        return read_due(connection, after, position_of(database).last_seq, 0, wanted)


def names(found: Sequence[Due]) -> list[str]:
    return [one.name for one in found]


def sent(delivery: Delivery, **changes: Any) -> Fact:
    return event(delivery, EventType.SENT, **changes)


def test_notification_that_asks_has_its_url_told_what_became_of_it(database: Database) -> None:
    [one] = wishing(tags=["orders"], metadata={"order": 7}, priority="bulk")
    store(database, accepted(one), sent(one))
    store(database, *accepted_and_sent()[1])
    found = due(database)
    assert names(found) == USUAL
    assert {each.target.id for each in found} == {endpoint_id("", URL)}
    assert [each.event.seq for each in found] == [2, 2]
    assert found[0].metadata == {"order": 7}
    assert found[0].priority == "bulk"
    [kept] = endpoints(database)
    assert (kept.url, kept.events, kept.state) == (URL, None, State.ACTIVE)


def test_several_that_ask_in_one_batch_are_all_told(database: Database) -> None:
    for _ in range(2):
        first, second = wishing()[0], wishing()[0]
        store(database, accepted(first), sent(first), accepted(second), sent(second))
    with database.reading() as connection:
        assert first_seq_wanted(connection) == 0
    assert [each.event.seq for each in due(database)] == [2, 2, 4, 4, 6, 6, 8, 8]


def test_completed_is_told_once_with_the_last_of_the_deliveries(database: Database) -> None:
    first, second = wishing(2, URL, "notification.*")
    refused = event(second, EventType.RETRYING, 1)
    store(database, accepted(first), accepted(second), sent(first), refused)
    assert names(due(database)) == []
    store(database, event(second, EventType.FAILED, 2))
    assert names(due(database)) == ["notification.completed"]
    store(database, event(second, EventType.DELAYED, 2), event(first, EventType.RETRYING, 1))
    assert names(due(database)) == ["notification.completed"]


def test_notification_that_was_put_back_completes_again(database: Database) -> None:
    [one] = wishing(1, URL, "notification.completed")
    store(database, accepted(one), event(one, EventType.FAILED, 1))
    store(database, event(one, EventType.REQUEUED, 1, generation=1))
    store(database, sent(one, generation=1))
    assert [each.event.notification_status for each in due(database)] == ["failed", "sent"]


def test_fact_that_comes_before_the_acceptance_is_told_with_that(database: Database) -> None:
    [one] = wishing()
    store(database, sent(one))
    assert names(due(database)) == []
    store(database, accepted(one))
    assert sorted(names(due(database, after=1))) == USUAL


def test_acceptance_of_another_delivery_tells_nothing_again(database: Database) -> None:
    first, second = wishing(2)
    store(database, accepted(first), sent(first))
    store(database, accepted(second))
    assert names(due(database, after=2)) == []


def test_key_is_told_of_its_own_notifications_and_of_nobody_elses(database: Database) -> None:
    of_owner(database, "k_own")
    for owner in ("k_own", "k_other", None):
        store(database, *accepted_and_sent(owner=owner)[1])
    found = due(database)
    assert names(found) == USUAL
    assert {each.event.owner for each in found} == {"k_own"}


def test_simple_key_is_told_of_what_no_key_owns(database: Database) -> None:
    of_owner(database)
    store(database, *accepted_and_sent(owner="k_other")[1], *accepted_and_sent()[1])
    assert {each.event.owner for each in due(database)} == {None}


def test_endpoint_of_a_key_is_told_nothing_of_before(database: Database) -> None:
    store(database, *accepted_and_sent()[1])
    made = of_owner(database)
    assert made.from_seq == 2
    store(database, *accepted_and_sent()[1])
    assert [each.event.seq for each in due(database)] == [4, 4]
    assert [each.event.seq for each in due(database, wanted={made.id})] == [2, 2, 4, 4]


def test_one_url_for_two_reasons_is_told_once(database: Database) -> None:
    of_owner(database, "", URL, "delivery.failed")
    [one] = wishing(1, URL, "delivery.sent")
    store(database, accepted(one), sent(one))
    assert names(due(database)) == ["delivery.sent"]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (("*",), ["delivery.retrying", "delivery.sent", "notification.completed"]),
        (("delivery.*",), ["delivery.retrying", "delivery.sent"]),
        (("delivery.failed",), []),
        ((), USUAL),
    ],
)
def test_only_chosen_events_are_told(
    database: Database, chosen: tuple[str, ...], told: list[str]
) -> None:
    [one] = wishing(1, URL, *chosen)
    store(database, accepted(one), event(one, EventType.RETRYING, 1), sent(one, attempt=2))
    assert names(due(database)) == told


@pytest.mark.parametrize("state", [State.DISABLED, State.STOPPED])
def test_endpoint_that_is_off_is_told_nothing_until_it_is_on_again(
    database: Database, state: State
) -> None:
    made = of_owner(database)
    with database.writing() as connection:
        set_state(connection, made.id, state, "as it was asked for", 5)
    store(database, *accepted_and_sent()[1])
    with database.reading() as connection:
        assert first_seq_wanted(connection) is None
    assert names(due(database)) == []
    with database.writing() as connection:
        set_state(connection, made.id, State.ACTIVE, None, 6)
    assert names(due(database)) == []
    store(database, *accepted_and_sent()[1])
    assert names(due(database)) == USUAL


def test_facts_since_a_moment_begin_at_a_number(database: Database) -> None:
    for second in range(6):
        [one] = new_deliveries()
        store(database, sent(one, at=at(second)))
    with database.reading() as connection:
        begins = [first_seq_since(connection, int(at(s).timestamp() * 1000)) for s in (0, 3, 5)]
    assert begins == [1, 4, 6]


def test_endpoint_that_notifications_ask_for_begins_with_the_next_fact_when_it_is_on_again(
    database: Database,
) -> None:
    [missed], [underway], [late] = wishing(), wishing(), wishing()
    store(database, accepted(missed), sent(missed), accepted(underway), sent(late))
    made = endpoint_id("", URL)
    for state in (State.DISABLED, State.ACTIVE):
        with database.writing() as connection:
            set_state(connection, made, state, None, 5)
    assert names(due(database)) == []
    store(database, sent(underway), accepted(late))
    assert {each.event.notification_id for each in due(database)} == {
        underway.notification_id,
        late.notification_id,
    }
    assert len(due(database, wanted={made})) == 6

"""How channels fare, counted from events in any order, and what a pipe is told of it."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from admin.up.digest import EVERY_S, Digest
from admin.up.tally import Fate, Tally
from common.channels import Channel
from common.envelope import Event, EventType
from common.times import utc_now
from tests.support.happenings import BEGAN, HOSTILE, event
from tests.support.queues import make_delivery

TELEGRAM = Channel.TELEGRAM


def fate(*events: Event, channel: Channel = TELEGRAM) -> Fate:
    tally = Tally()
    for one in events:
        tally.hear(one)
    return tally.fate(channel, utc_now())


def a_life() -> list[Event]:
    delivery = make_delivery()
    kinds = [EventType.RETRYING, EventType.DELAYED, EventType.SENT]
    return [event(delivery, kind, attempt) for attempt, kind in enumerate(kinds, 1)]


@pytest.mark.parametrize("events", list(itertools.permutations(a_life())))
def test_every_order_counts_the_same(events: tuple[Event, ...]) -> None:
    counted = fate(*events, *events)
    assert (counted.sent, counted.retrying, counted.refused, counted.refusals) == (1, 0, 0, 2)


def test_channels_are_counted_apart_with_the_last_reason() -> None:
    mail = make_delivery(channel=Channel.EMAIL, address="ada@example.com")
    events = [
        event(make_delivery(), EventType.RETRYING, 2, message="the later"),
        event(make_delivery(), EventType.FAILED, 1, message="the earlier"),
        event(make_delivery(), EventType.EXPIRED, 1),
        event(mail, EventType.FAILED, 1),
    ]
    counted = fate(*events)
    assert counted.numbers_text == "sent 0, retrying 1, refused 1, expired 1"
    assert counted.reason == "550 the later"
    assert counted.reason_at == BEGAN + timedelta(seconds=2)
    assert fate(*events, channel=Channel.EMAIL).refused == 1
    assert fate(*events, channel=Channel.VK) == Fate()


def test_dead_letter_that_was_put_back_may_be_retrying_again() -> None:
    delivery = make_delivery()
    again = event(delivery, EventType.RETRYING, 1, generation=1)
    counted = fate(event(delivery, EventType.FAILED, 5), again)
    assert (counted.retrying, counted.refused) == (1, 1)


def test_memory_is_bounded_and_what_is_forgotten_is_said() -> None:
    tally = Tally(most=50)
    for _ in range(60):
        tally.hear(event(make_delivery(), EventType.RETRYING))
    for _ in range(500):
        tally.hear(event(make_delivery(), EventType.SENT))
    counted = tally.fate(TELEGRAM, utc_now())
    assert (counted.sent, counted.retrying_text) == (500, "50+")


def test_what_ended_unheard_while_the_broker_was_away_waits_no_more() -> None:
    tally, now = Tally(), utc_now()
    overdue = event(make_delivery(), EventType.RETRYING, next_at=now - timedelta(minutes=2))
    later = event(make_delivery(), EventType.RETRYING, next_at=now + timedelta(hours=1))
    tally.hear(overdue)
    tally.hear(later)
    assert tally.fate(TELEGRAM, now).retrying == 2
    tally.miss()
    assert tally.fate(TELEGRAM, now).retrying == 1
    tally.hear(event(make_delivery(), EventType.RETRYING, next_at=now - timedelta(minutes=2)))
    assert tally.fate(TELEGRAM, now).retrying == 2


def test_far_ends_of_the_calendar_are_moments_like_any_other() -> None:
    tally = Tally()
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        tally.hear(event(make_delivery(), EventType.RETRYING, at=at, next_at=at))
    tally.miss()
    for now in (datetime(1, 1, 2, tzinfo=UTC), utc_now()):
        assert tally.fate(TELEGRAM, now).retrying in (1, 2)


def test_reason_from_the_future_gives_way_to_a_later_one() -> None:
    tally = Tally()
    for year, said in ((9999, "from a wrong clock"), (utc_now().year + 1, "as wrong")):
        at = datetime(year, 1, 1, tzinfo=UTC)
        tally.hear(event(make_delivery(), EventType.FAILED, at=at, message=said))
    assert tally.fate(TELEGRAM, utc_now()).reason == "550 as wrong"
    tally.hear(event(make_delivery(), EventType.FAILED, at=utc_now(), message="later"))
    counted = tally.fate(TELEGRAM, utc_now())
    assert counted.reason == "550 later"
    assert counted.reason_at is not None
    assert counted.reason_at <= utc_now()


def test_reason_is_one_bounded_line_that_names_no_recipient() -> None:
    said = f"<ada@example.com>: {HOSTILE}"
    reason = fate(event(make_delivery(), EventType.FAILED, message=said)).reason
    assert reason.startswith("550 <a•wx6i•@example.com>: [red] [2Jno such user [/] :smile: xxx")
    assert len(reason) <= 200
    assert reason.isprintable()


def told(digest: Digest, *fates: Fate, at: float) -> list[str]:
    return [sentence for one in fates for sentence in digest.news(one, at)]


def test_pipe_is_told_the_first_refusal_at_once_and_then_a_summary() -> None:
    digest = Digest(TELEGRAM)
    assert told(digest, Fate(sent=5), at=0) == []
    refused = [Fate(sent=5, refused=n, refusals=n, reason=f"550 {n}") for n in range(1, 200)]
    assert told(digest, *refused, at=1) == [
        "telegram: sent 5, retrying 0, refused 1; last reason: 550 1"
    ]
    assert told(digest, refused[-1], at=1 + EVERY_S) == [
        "telegram: sent 5, retrying 0, refused 199; last reason: 550 199"
    ]
    assert told(digest, refused[-1], at=100) == []


def test_pipe_is_told_when_nothing_waits_for_another_try_any_more() -> None:
    digest = Digest(TELEGRAM)
    assert len(told(digest, Fate(retrying=1, refusals=1), at=0)) == 1
    assert told(digest, Fate(sent=1, refusals=1), at=50) == [
        "telegram: sent 1, retrying 0, refused 0"
    ]

"""Letters of a walk, packed: what pages read of them is what was met."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from broker_topology.dead_letters.letter import DeadLetter, read_letter
from broker_topology.dead_letters.selection import Selection
from common.channels import Channel
from console.dead_letters.groups import count_letters
from console.dead_letters.seeing import seen as module
from console.dead_letters.seeing.seen import BLOCK, Search, Seen
from tests.support.dead_letters import reason
from tests.support.queues import make_delivery

NUMBER = 3 * BLOCK + 7
AT = datetime(2026, 5, 1, 12, 0, 0, 123_000, tzinfo=UTC)
CODES = ("403", "429", "550 5.1.1")


def letters(number: int = NUMBER) -> Iterator[DeadLetter]:
    for place in range(number):
        channel = Channel.EMAIL if place % 5 == 0 else Channel.TELEGRAM
        address = f"ada{place}@example.com" if channel is Channel.EMAIL else str(1000 + place)
        one = make_delivery(channel=channel, address=address, tags=["a"] if place % 7 == 0 else [])
        headers = reason(CODES[place % 3], at=AT + timedelta(seconds=place))
        yield read_letter(f"{channel}.dead", one.encode(), headers, message_id=one.id)


def walked(found: list[DeadLetter]) -> Seen:
    seen = Seen(lambda: None)
    assert [*seen.noting(found)] == found
    return seen


FOUND = [*letters()]
SEEN = walked(FOUND)
SELECTIONS = {
    "everything": Selection(),
    "a channel": Selection(channel="email"),
    "a group": Selection(channel="telegram", failed_as="rejected", code="429"),
    "codes": Selection(code="4*"),
    "a time": Selection(since=AT + timedelta(seconds=700), until=AT + timedelta(seconds=900)),
    "a tag": Selection(channel="email", tag="a"),
    "an address": Selection(to="ada1*"),
    "ids": Selection(ids=frozenset({FOUND[3].id, FOUND[-1].id})),
    "nothing": Selection(channel="vk"),
}


def ends(search: Search) -> bool:
    while not (is_over := search.go_on()) and search.is_behind:
        pass
    return is_over


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("passed", [0, 1, 50, BLOCK, 1000])
def test_page_has_the_letters_that_a_walk_would_have_found(name: str, passed: int) -> None:
    selection = SELECTIONS[name]
    meant = [one for one in FOUND if one.queue in selection.queues() and selection.matches(one)]
    search = Search(SEEN, selection, passed, 50)
    assert ends(search)
    page = [*search.letters()]
    wanted = meant[passed : passed + 50]
    assert [one.id for one in page] == [one.id for one in wanted]
    assert [(one.failed_at, one.address, one.tags, one.attempts) for one in page] == [
        (one.failed_at, one.address, one.tags, one.attempts) for one in wanted
    ]
    everything = Search(SEEN, selection)
    assert everything.go_on()
    assert [one.id for one in everything.letters()] == [one.id for one in meant]


def test_page_is_there_before_the_walk_is_over_and_a_later_one_when_it_is() -> None:
    seen = Seen(lambda: None)
    walk = seen.noting(letters(2 * BLOCK + 20))
    first, last = Search(seen, Selection(), 0, 50), Search(seen, Selection(), 2 * BLOCK, 50)
    assert not first.go_on()
    met = [one.id for one in itertools.islice(walk, BLOCK + 1)]
    assert first.go_on()
    assert [one.id for one in first.letters()] == met[:50]
    assert not last.go_on()
    met += [one.id for one in walk]
    assert last.go_on()
    assert [one.id for one in last.letters()] == met[2 * BLOCK :]


def test_groups_counted_from_what_was_seen_are_those_of_the_walk() -> None:
    search = Search(SEEN, Selection())
    again, walk = count_letters(search.letters()), count_letters(FOUND)
    assert again.groups == walk.groups


def test_text_that_nobody_can_write_is_kept() -> None:
    [one] = letters(1)
    body = b"\xff\xfe"
    strange = read_letter("telegram.dead", body, reason("\ud800\0", "\udfff"), message_id="\ud801")
    seen = walked([one, strange])
    search = Search(seen, Selection(), 0, 50)
    assert search.go_on()
    _, kept = search.letters()
    assert (kept.id, kept.code, kept.failed_as) == (strange.id, strange.code, strange.failed_as)


def test_letters_beyond_the_most_stand_on_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SEEN", 100)
    seen = walked(FOUND[:300])
    search = Search(seen, Selection(), 80, 50)
    assert search.go_on()
    assert len([*search.letters()]) == 20
    assert seen.met == 300


def test_letter_takes_less_than_a_hundred_bytes() -> None:
    assert sum(len(one.packed) for one in SEEN.blocks) < 100 * NUMBER

"""Letters as one walk meets them, packed for pages to be read from, also while it still goes on.

A walk through a long queue takes long, and whoever looks at page after page, or all who look at
once, need no other. A letter takes some 60 bytes here: its content is not kept, nor what a provider
said of it.
"""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from broker_topology.dead_letters.letter import DeadLetter, mask_address
from broker_topology.dead_letters.selection import Selection
from common.times import utc_now

MOST_SEEN: Final = 1_000_000
"""Letters behind these are counted, and stand on no page."""
BLOCK: Final = 500
"""Letters that are packed together; a page is read from those that have any of its letters."""
_SLICE: Final = 40  # blocks; so one search does not keep others for long

Kind = tuple[str, str | None, str, str]
"""Queue, channel, class and code."""


@dataclass(frozen=True, slots=True)
class SeenLetter:
    """What a list tells of a letter; the names are those of DeadLetter."""

    id: str
    queue: str
    channel: str | None
    address: str | None
    failed_as: str
    code: str
    failed_at: datetime | None
    attempts: int
    tags: tuple[str, ...]

    @property
    def masked_recipient(self) -> str | None:
        """`email:a•k3fa•@example.com`: enough to recognise, not to write to."""
        return None if self.address is None else f"{self.channel}:{mask_address(self.address)}"


class Seen:
    """What a walk has met so far. One thread adds, any may read what is packed.

    on_news: called by that thread when there is more to read, and at the end; began_at: when the
    walk began: a letter that went or came since may be told wrongly.
    """

    def __init__(self, on_news: Callable[[], object]) -> None:
        self.began_at = utc_now()
        self.is_whole = False
        self.blocks: list[_Block] = []
        self.met = 0
        self._on_news = on_news
        self._open: list[SeenLetter] = []

    def noting(self, letters: Iterable[DeadLetter]) -> Iterator[DeadLetter]:
        """The same letters, each noted; what is met to the end is whole."""
        for letter in letters:
            self._add(letter)
            yield letter
        self._pack()
        self.is_whole = True
        self._on_news()

    def _add(self, letter: DeadLetter) -> None:
        self.met += 1
        if self.met > MOST_SEEN:
            return
        self._open.append(_seen(letter))
        if len(self._open) == BLOCK:
            self._pack()
            self._on_news()

    def _pack(self) -> None:
        if self._open:
            self.blocks.append(_Block.of(self._open))
            self._open = []


@dataclass(slots=True, weakref_slot=True, eq=False)
class Search:
    """The letters behind `passed` of those that are meant, `most` of them; goes on as they come.

    most: None is all of them, which are known once the walk is whole.
    """

    seen: Seen
    selection: Selection
    passed: int = 0
    most: int | None = None
    found: list[SeenLetter] = field(default_factory=list)
    _met: int = 0
    _next: int = 0
    _means: dict[Kind, bool] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    def go_on(self) -> bool:
        """Read some of what has been packed since; whether no more is needed, or will come."""
        with self._turn:  # whoever waited for one that still reads may have gone
            is_whole = self.seen.is_whole  # before the blocks: the last is packed before it is said
            if self.most is None:
                return is_whole
            for block in self.seen.blocks[self._next : self._next + _SLICE]:
                if self._is_full:
                    break
                self._next += 1
                self._read(block)
            return self._is_full or (is_whole and not self.is_behind)

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read now."""
        return self.most is not None and self._next < len(self.seen.blocks)

    def letters(self) -> Iterable[SeenLetter]:
        """What was searched for; all of them are read while one goes through them."""
        return self._all() if self.most is None else tuple(self.found)

    def _all(self) -> Iterator[SeenLetter]:
        for block in self.seen.blocks:
            if self._count(block):
                yield from (one for one in block.letters() if self._is_wanted(one))

    @property
    def _is_full(self) -> bool:
        return self.most is not None and len(self.found) >= self.most

    def _read(self, block: "_Block") -> None:
        meant = self._count(block)
        if not meant:
            return
        if self._is_about_kinds and self._met + meant <= self.passed:
            self._met += meant
            return
        for letter in block.letters():
            if self._is_wanted(letter):
                self._met += 1
                if self._met > self.passed and not self._is_full:
                    self.found.append(letter)

    def _is_wanted(self, letter: SeenLetter) -> bool:
        return self._is_meant(_kind(letter)) and self.selection.matches(letter)

    def _count(self, block: "_Block") -> int:
        """How many may be meant."""
        return sum(number for kind, number in block.kinds.items() if self._is_meant(kind))

    @property
    def _is_about_kinds(self) -> bool:
        wanted = self.selection
        return wanted == Selection(
            channel=wanted.channel, failed_as=wanted.failed_as, code=wanted.code
        )

    def _is_meant(self, kind: Kind) -> bool:
        """Whether letters of a kind may be meant; decided once for each."""
        if kind not in self._means:
            queue, channel, failed_as, code = kind
            one = SeenLetter("", queue, channel, None, failed_as, code, None, 0, ())
            wanted = self.selection
            coarse = Selection(channel=wanted.channel, failed_as=wanted.failed_as, code=wanted.code)
            self._means[kind] = queue in wanted.queues() and coarse.matches(one)
        return self._means[kind]


@dataclass(frozen=True, slots=True)
class _Block:
    """Letters one after the other; kinds: how many of them are of which."""

    kinds: Counter[Kind]
    packed: bytes

    @classmethod
    def of(cls, letters: list[SeenLetter]) -> "_Block":
        columns = [
            [one.id, one.address, one.failed_at.isoformat() if one.failed_at else None,
             one.attempts, one.tags, *_kind(one)]
            for one in letters
        ]  # fmt: skip
        # Escaped, for text that no UTF-8 can write: strange headers have it.
        packed = zlib.compress(json.dumps([*zip(*columns, strict=True)]).encode("ascii"), 6)
        return cls(Counter(_kind(one) for one in letters), packed)

    def letters(self) -> Iterator[SeenLetter]:
        for row in zip(*json.loads(zlib.decompress(self.packed)), strict=True):
            letter_id, address, failed_at, attempts, tags, queue, channel, failed_as, code = row
            at = None if failed_at is None else datetime.fromisoformat(failed_at)
            yield SeenLetter(
                letter_id, queue, channel, address, failed_as, code, at, attempts, tuple(tags)
            )


def _kind(letter: SeenLetter) -> Kind:
    return letter.queue, letter.channel, letter.failed_as, letter.code


def _seen(letter: DeadLetter) -> SeenLetter:
    return SeenLetter(
        letter.id, letter.queue, letter.channel, letter.address, letter.failed_as, letter.code,
        letter.failed_at, letter.attempts, letter.tags,
    )  # fmt: skip

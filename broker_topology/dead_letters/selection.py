"""Which dead letters are meant: filters, as a pure predicate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

from broker_topology.topology import UNROUTED, dead_queue
from common.channels import CHANNELS
from common.settings import parse_duration_s

_MOST_IDS: Final = 20


class Described(Protocol):
    """What filters ask of a letter: a DeadLetter has it, and what is kept of one for a list."""

    @property
    def id(self) -> str: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def failed_as(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def failed_at(self) -> datetime | None: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters that must all hold; none at all means every dead letter.

    code and to may have `*` for any text; to is an address or `channel:address`, letter case does
    not matter; since is inclusive and until exclusive, both about the time of failure; channel
    `unrouted` means what no queue wanted; dead_by leaves out what failed later, and nothing that
    does not say when it did.
    """

    ids: frozenset[str] = frozenset()
    channel: str | None = None
    failed_as: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tag: str | None = None
    to: str | None = None
    dead_by: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no filter is set, the channel aside."""
        return self == Selection(channel=self.channel)

    def queues(self) -> tuple[str, ...]:
        """The queues that can hold such letters, in the order in which they are gone through."""
        if self.channel == UNROUTED or self.failed_as == UNROUTED:
            return (UNROUTED,)
        if self.channel:
            return (dead_queue(self.channel), UNROUTED)
        return (*(dead_queue(name) for name in CHANNELS), UNROUTED)

    def matches(self, letter: Described) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.ids or letter.id in self.ids)
            and (self.channel in (None, UNROUTED, letter.channel))
            and (self.failed_as is None or letter.failed_as == self.failed_as)
            and (self.code is None or fits(self.code, letter.code))
            and (self.tag is None or self.tag in letter.tags)
            and (self.to is None or self._is_to(letter))
            and self._failed_in_time(letter)
        )

    def _is_to(self, letter: Described) -> bool:
        if letter.address is None:
            return False
        pattern = (self.to or "").casefold()
        address = letter.address.casefold()
        return any(fits(pattern, text) for text in (address, f"{letter.channel}:{address}"))

    def _failed_in_time(self, letter: Described) -> bool:
        if self.dead_by and letter.failed_at and letter.failed_at > self.dead_by:
            return False
        if self.since is None and self.until is None:
            return True
        if letter.failed_at is None:
            return False
        return (self.since is None or letter.failed_at >= self.since) and (
            self.until is None or letter.failed_at < self.until
        )


def fits(pattern: str, text: str) -> bool:
    """Whether a text is as a filter says, in which `*` is any text and nothing else is special."""
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def by_ids(ids: Sequence[str]) -> Selection:
    """Exactly these letters."""
    return Selection(ids=frozenset(ids))


def letters_told(wanted: Selection) -> Mapping[str, Any]:
    """Which letters were meant, without whom they were to."""
    moments = {"since": wanted.since, "until": wanted.until}
    filters = {
        "channel": wanted.channel,
        "class": wanted.failed_as,
        "code": wanted.code,
        "tag": wanted.tag,
        **{name: at.isoformat() for name, at in moments.items() if at},
        "by_recipient": wanted.to is not None or None,
        "ids": sorted(wanted.ids)[:_MOST_IDS] or None,
    }
    return {name: value for name, value in filters.items() if value is not None}


def parse_moment(text: str, now: datetime) -> datetime:
    """`2h` is that long before `now`; else ISO 8601, local time if it names no zone.

    Raises ValueError with a sentence.
    """
    try:
        return _ago(text, now) or datetime.fromisoformat(text.strip()).astimezone()
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the years 1 to 9999") from None
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment: write 2026-05-01, 2026-05-01T12:30 or, for a time ago, 2h"
        ) from None


def _ago(text: str, now: datetime) -> datetime | None:
    try:
        before_s = parse_duration_s(text)
    except ValueError:
        return None
    return now - timedelta(seconds=before_s)

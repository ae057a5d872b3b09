"""What somebody looks for, read from the search line and the fields beside it; pure.

The line takes what people have at hand: an id, an address, words of the subject; and `name:value`.
The fields of the page stand in the address under the same names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from broker_topology.dead_letters.selection import parse_moment
from common.channels import CHANNELS, Channel
from common.recipients import Recipient, parse_recipient
from common.times import epoch_ms, utc_at
from console.frame.times import RANGES
from store.notifications import Search
from store.rows import Overall
from store.terms import recipient_term, tag_term, word_term

NAMES: Final = ("id", "status", "channel", "to", "code", "tag", "word", "from", "until")
"""What can be asked by name, in the line and in the address."""

_PIECE: Final = re.compile(r'(?:([A-Za-z]+):)?(?:"([^"]*)"|(\S+))')
_WORD: Final = re.compile(r"\w+")
_ID: Final = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:-([0-9]{1,9}))?")
_MOST_CHARS: Final = 320
_MOST_TERMS: Final = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Which notification is meant by an id, and which of its deliveries, if one is."""

    notification_id: UUID
    number: int | None = None

    @property
    def path(self) -> str:
        """The address of its page."""
        number = "" if self.number is None else f"-{self.number}"
        return f"/notifications/{self.notification_id}{number}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that must hold at once. unread: what was written and means nothing, with its name.

    range_name: of the time range that ends now; from_ms and until_ms: when it was accepted.
    """

    place: Place | None = None
    status: str | None = None
    channel: str | None = None
    code: str | None = None
    recipients: tuple[Recipient, ...] = ()
    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    range_name: str = ""
    from_ms: int | None = None
    until_ms: int | None = None
    unread: tuple[tuple[str, str], ...] = ()

    def understood(self) -> Iterator[tuple[str, str]]:
        """Each condition as its name and its value."""
        if self.place is not None:
            yield "id", str(self.place.notification_id)
        for name in ("status", "channel", "code"):
            if value := getattr(self, name):
                yield name, value
        yield from (("to", str(one)) for one in self.recipients)
        yield from (("tag", one) for one in self.tags)
        yield from (("word", one) for one in self.words)
        if self.range_name:
            yield "range", self.range_name
        for name, at_ms in (("from", self.from_ms), ("until", self.until_ms)):
            if at_ms is not None:
                moment = utc_at(at_ms)
                yield name, f"{moment:%Y-%m-%d %H:%M:%S} UTC"

    def search(self, recipient_key: bytes, now_ms: int) -> Search:
        """The same as what the store looks for."""
        terms = [
            *(recipient_term(recipient_key, one.channel, one.address) for one in self.recipients),
            *(word_term(one) for one in self.words),
            *(tag_term(one) for one in self.tags),
        ]
        begins = [] if self.from_ms is None else [self.from_ms]
        if self.range_name:
            begins.append(now_ms - RANGES[self.range_name].minutes * 60_000)
        return Search(
            status=self.status,
            channel=self.channel,
            code=self.code,
            terms=tuple(dict.fromkeys(terms)),
            from_ms=max(begins, default=None),
            until_ms=self.until_ms,
        )


def read_asked(query: Mapping[str, str], now: datetime) -> Asked:
    """What the address of the page asks for: its line `q`, and the fields beside it."""
    asked = Asked(range_name=query["range"] if query.get("range") in RANGES else "")
    for name in NAMES:
        if value := query.get(name, "").strip():
            asked = _with(asked, name, value, now)
    for piece in _PIECE.finditer(query.get("q", "")[:_MOST_CHARS]):
        asked = _with_piece(asked, piece, now)
    return asked


def read_place(text: str) -> Place | None:
    """The id of a notification or of a delivery; None for anything else."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        return None
    return Place(UUID(found[1]), int(found[2]) if found[2] else None)


def _with_piece(asked: Asked, piece: re.Match[str], now: datetime) -> Asked:
    name, value = (piece[1] or "").lower(), piece[2] if piece[2] is not None else piece[3]
    whole = piece[0].strip('"')
    if name in CHANNELS:
        return _with(asked, "to", f"{name}:{value}", now)
    if name in NAMES:
        return _with(asked, name, value, now)
    if read_place(whole) is not None:
        return _with(asked, "id", whole, now)
    if whole.startswith(("http://", "https://")):
        return _with(asked, "to", f"{Channel.WEBHOOK}:{whole}", now)
    if whole.startswith("@"):
        return _with(asked, "to", f"{Channel.TELEGRAM}:{whole}", now)
    if "@" in whole:
        return _with(asked, "to", f"{Channel.EMAIL}:{whole}", now)
    return _with(asked, "word", whole, now)


def _with(asked: Asked, name: str, value: str, now: datetime) -> Asked:
    """The same with one condition more, or with what could not be read."""
    changed = _read(asked, name, value, now)
    if changed is None or len([*changed.understood()]) > _MOST_TERMS + len(NAMES):
        return replace(asked, unread=(*asked.unread, (name, value)))
    return changed


def _read(asked: Asked, name: str, value: str, now: datetime) -> Asked | None:
    """None: the value is none of this name's."""
    match name:
        case "id":
            place = read_place(value)
            return None if place is None else replace(asked, place=place)
        case "status":
            return replace(asked, status=value.lower()) if value.lower() in [*Overall] else None
        case "channel":
            return replace(asked, channel=value.lower()) if value.lower() in CHANNELS else None
        case "code":
            return replace(asked, code=value)
        case "tag":
            return replace(asked, tags=(*asked.tags, value))
        case "word":
            words = tuple(_WORD.findall(value.casefold()))
            return replace(asked, words=(*asked.words, *words)) if words else None
        case "to":
            return _with_recipient(asked, value)
    return _with_moment(asked, name, value, now)


def _with_recipient(asked: Asked, value: str) -> Asked | None:
    channel = "" if value.partition(":")[0] in CHANNELS else f"{_channel_of(value)}:"
    try:
        recipient = parse_recipient(channel + value)
    except ValueError:
        return None
    return replace(asked, recipients=(*asked.recipients, recipient))


def _channel_of(address: str) -> Channel:
    """Of an address without it, as far as it tells."""
    if address.startswith(("http://", "https://")):
        return Channel.WEBHOOK
    return Channel.EMAIL if "@" in address[1:] else Channel.TELEGRAM


def _with_moment(asked: Asked, name: str, value: str, now: datetime) -> Asked | None:
    """Without a zone it is UTC, as everything that the page shows in full."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = parse_moment(value, now)
        except ValueError:
            return None
    try:
        at_ms = epoch_ms(_in_utc(moment))
    except OverflowError:  # in its own zone there is such a moment, in UTC there is none
        return None
    return replace(asked, from_ms=at_ms) if name == "from" else replace(asked, until_ms=at_ms)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

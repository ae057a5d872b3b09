"""The way of a message as a picture: boxes and lines with their places, drawn by nobody yet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Final

from broker_topology.health.queues import BrokerNumbers, QueueNumbers
from broker_topology.rights import sender
from broker_topology.topology import TIERS, dead_queue, queue_name, retry_queue
from common.channels import CHANNELS, PRIORITIES
from console.services.facts import Process

ROW: Final = 34
GAP: Final = 14
HEAD: Final = 8
WIDTH: Final = 900
_BOX: Final = 26
_THINNEST, _WIDEST = 1.5, 14.0
_COLUMNS: Final = {"api": (8, 84), "queue": (176, 176), "sender": (452, 176), "dead": (708, 184)}
"""What stands there → where it begins, and how wide it is."""


@dataclass(frozen=True, slots=True)
class Box:
    """One place. kind: `api`, `queue`, `sender`, `dead`; waits: messages there; None: no queue."""

    kind: str
    name: str
    channel: str
    left: int
    top: float
    width: int
    waits: int | None = None
    rate: float | None = None
    busy: int = 0
    lanes: int = 0
    is_jammed: bool = False

    @property
    def height(self) -> int:
        """How high it is."""
        return _BOX

    @property
    def middle(self) -> float:
        """Where lines meet it."""
        return self.top + _BOX / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A way between two places; width: by how much passes; is_grave: to the dead letters."""

    begin: tuple[float, float]
    end: tuple[float, float]
    width: float
    is_grave: bool = False

    @property
    def path(self) -> str:
        """A curve of SVG's that begins and ends level."""
        (x1, y1), (x2, y2) = self.begin, self.end
        half = (x1 + x2) / 2
        return f"M{x1:g} {y1:g} C{half:g} {y1:g} {half:g} {y2:g} {x2:g} {y2:g}"


@dataclass(frozen=True, slots=True)
class Tier:
    """A retry tier that holds something: for how long it holds, how much, and in how many s."""

    name: str
    waits: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it; height: of the whole."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    tiers: tuple[Tier, ...]
    height: float


def picture_of(broker: BrokerNumbers, processes: Sequence[Process]) -> Picture:
    """Every channel from the API to its dead letters."""
    boxes: list[Box] = []
    lines: list[Line] = []
    block = len(PRIORITIES) * ROW + GAP
    height = HEAD + len(CHANNELS) * block
    api = _box("api", "", "", HEAD + (height - GAP - HEAD) / 2 - _BOX / 2)
    boxes.append(api)
    for number, channel in enumerate(CHANNELS):
        mine = _Channel(channel, HEAD + number * block, broker.queues, processes)
        boxes += mine.boxes
        lines += mine.lines(api)
    return Picture(tuple(boxes), tuple(lines), tuple(_tiers(broker)), height)


class _Channel:
    """One channel's part."""

    def __init__(
        self,
        channel: str,
        top: float,
        queues: Mapping[str, QueueNumbers],
        processes: Sequence[Process],
    ) -> None:
        self._queues = queues
        middle = top + (len(PRIORITIES) - 1) * ROW / 2
        self._waiting = [
            _queue("queue", queue_name(channel, one), channel, top + number * ROW, queues)
            for number, one in enumerate(PRIORITIES)
        ]
        alive = [one for one in processes if one.kind == sender(channel) and one.is_alive]
        self._sender = _box(
            "sender",
            sender(channel),
            channel,
            middle,
            busy=sum(one.busy or 0 for one in alive),
            lanes=sum(one.lanes or 0 for one in alive),
            is_jammed=not alive or not all(one.is_well for one in alive),
        )
        self._dead = _queue("dead", dead_queue(channel), channel, middle, queues)

    @property
    def boxes(self) -> list[Box]:
        return [*self._waiting, self._sender, self._dead]

    def lines(self, api: Box) -> Iterator[Line]:
        for box in self._waiting:
            numbers = self._queues.get(box.name)
            yield _line(api, box, numbers.rate_in if numbers else None)
            yield _line(box, self._sender, numbers.rate_out if numbers else None)
        numbers = self._queues.get(self._dead.name)
        rate = numbers.rate_in if numbers else None
        yield _line(self._sender, self._dead, rate, is_grave=bool(rate))


def _box(
    kind: str,
    name: str,
    channel: str,
    top: float,
    waits: int | None = None,
    rate: float | None = None,
    busy: int = 0,
    lanes: int = 0,
    *,
    is_jammed: bool = False,
) -> Box:
    left, width = _COLUMNS[kind]
    return Box(kind, name, channel, left, top, width, waits, rate, busy, lanes, is_jammed)


def _queue(
    kind: str, name: str, channel: str, top: float, queues: Mapping[str, QueueNumbers]
) -> Box:
    numbers = queues.get(name)
    if numbers is None:
        return _box(kind, name, channel, top)
    # More than a minute's work of what leaves it, or nobody who takes it.
    is_jammed = bool(numbers.all) and (
        kind == "dead" or not numbers.consumers or numbers.ready > 60 * (numbers.rate_out or 1)
    )
    return _box(kind, name, channel, top, numbers.all, numbers.rate_out, is_jammed=is_jammed)


def _line(begin: Box, end: Box, rate: float | None, *, is_grave: bool = False) -> Line:
    return Line(
        (begin.left + begin.width, begin.middle), (end.left, end.middle), width_of(rate), is_grave
    )


def width_of(rate: float | None) -> float:
    """1 a second is seen, 1,000 fill it."""
    if not rate:
        return _THINNEST
    return min(_WIDEST, _THINNEST + 3.5 * log10(1 + 4 * rate))


def _tiers(broker: BrokerNumbers) -> Iterator[Tier]:
    for name in TIERS:
        numbers = broker.queues.get(retry_queue(name))
        if numbers is not None and numbers.all:
            yield Tier(name, numbers.all)

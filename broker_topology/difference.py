"""What differs between the topology that is wanted and the one a broker has: pure comparison."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from broker_topology.topology import Argument, Binding, Exchange, Queue, Topology

Kind = Literal["missing", "extra", "changed"]
Thing = Literal["exchange", "queue", "binding"]

_APPLY = "run `gateway topology apply`"
_NEW_QUEUE = (
    "a queue's arguments are immutable: if it is empty, delete it and run `gateway topology "
    "apply`; else give it a new name, bind that, unbind this one, drain it, then delete it"
)
_NEW_EXCHANGE = (
    "an exchange's settings are immutable: stop whoever publishes to it, delete it, then run "
    "`gateway topology apply`"
)
_REMEDIES: Mapping[tuple[Kind, Thing], str] = {
    ("missing", "exchange"): _APPLY,
    ("missing", "queue"): _APPLY,
    ("missing", "binding"): _APPLY,
    ("changed", "exchange"): _NEW_EXCHANGE,
    ("changed", "queue"): _NEW_QUEUE,
    ("extra", "exchange"): "delete it if nobody publishes to it",
    ("extra", "queue"): "drain it, then delete it",
    ("extra", "binding"): "unbind it if nobody needs the copies",
}


@dataclass(frozen=True)
class Difference:
    """One fact; `argument`, `wanted` and `found` only where something changed (None: not set)."""

    kind: Kind
    thing: Thing
    name: str
    argument: str | None = None
    wanted: Argument | None = None
    found: Argument | None = None

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _REMEDIES[self.kind, self.thing]

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.thing} {self.name} is {self.kind}"
        found = "not set" if self.found is None else self.found
        wanted = "not set" if self.wanted is None else self.wanted
        return f"{self.thing} {self.name} has {self.argument} {found}, wanted is {wanted}"


@dataclass(frozen=True)
class Gap:
    """A quorum queue without a member on some nodes; online: its members that work now."""

    queue: str
    members: tuple[str, ...]
    online: tuple[str, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """The result of a check; `notes` are sentences about what could not be looked at.

    gaps: queues that not every node of the cluster has a member of.
    """

    differences: tuple[Difference, ...]
    bindings_checked: bool
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs in what could be looked at, and no member is missing."""
        return not self.differences and not self.gaps

    def to_json(self) -> dict[str, object]:
        """`{same, bindings_checked, notes, differences, gaps}`, differences with a `remedy`."""
        return {
            "same": self.same,
            "bindings_checked": self.bindings_checked,
            "notes": list(self.notes),
            "differences": [{**asdict(one), "remedy": one.remedy} for one in self.differences],
            "gaps": [asdict(one) for one in self.gaps],
        }


def compare(wanted: Topology, found: Topology) -> tuple[Difference, ...]:
    """Every difference, exchanges first, then queues, then bindings."""
    return (
        *_compare_named("exchange", wanted.exchanges, found.exchanges),
        *_compare_named("queue", wanted.queues, found.queues),
        *_compare_bindings(wanted.bindings, found.bindings),
    )


def parse_conflict(thing: Thing, name: str, reply_text: str) -> Difference | None:
    """The difference in a 406 reply of the broker, None when the text says something else.

    The broker names the first argument that differs only, as in "inequivalent arg 'x-overflow'
    for queue 'q' in vhost '/': received none but current is the value 'drop-head' of type …".
    """
    match = re.search(
        r"inequivalent arg '(?P<argument>[^']+)' for .*: "
        r"received (?:the value )?(?P<wanted>none|'.*?')(?: of type '[^']*')? "
        r"but current is (?:the value )?(?P<found>none|'.*?')(?: of type '[^']*')?$",
        reply_text,
    )
    if not match:
        return None
    wanted, found = _value(match["wanted"]), _value(match["found"])
    return Difference("changed", thing, name, match["argument"], wanted, found)


def _value(text: str) -> Argument | None:
    if text == "none":
        return None
    bare = text[1:-1]
    return int(bare) if re.fullmatch(r"-?\d+", bare) else bare


def _compare_named(
    thing: Thing, wanted: Iterable[Exchange | Queue], found: Iterable[Exchange | Queue]
) -> Iterator[Difference]:
    have = {one.name: one for one in found}
    for one in wanted:
        twin = have.pop(one.name, None)
        if twin is None:
            yield Difference("missing", thing, one.name)
        else:
            yield from _compare_settings(thing, one.name, _settings(one), _settings(twin))
    yield from (Difference("extra", thing, name) for name in sorted(have))


def _compare_settings(
    thing: Thing, name: str, wanted: Mapping[str, Argument], found: Mapping[str, Argument]
) -> Iterator[Difference]:
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            yield Difference("changed", thing, name, key, wanted.get(key), found.get(key))


def _settings(one: Exchange | Queue) -> dict[str, Argument]:
    """All that the broker calls inequivalent when it differs, under the broker's names."""
    if isinstance(one, Queue):
        return dict(one.arguments)
    flags = {"durable": one.durable, "auto_delete": one.auto_delete, "internal": one.internal}
    return {"type": one.type, **one.arguments, **{key: str(flags[key]).lower() for key in flags}}


def _compare_bindings(wanted: Iterable[Binding], found: Iterable[Binding]) -> Iterator[Difference]:
    want, have = set(wanted), set(found)
    yield from (Difference("missing", "binding", _label(one)) for one in sorted(want - have))
    yield from (Difference("extra", "binding", _label(one)) for one in sorted(have - want))


def _label(binding: Binding) -> str:
    return f"{binding.exchange} --{binding.key}--> {binding.queue}"

"""What needs a person, or mends itself: judged from what is known, the gravest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from broker_topology.health.checks import judge_journal
from broker_topology.health.queues import BrokerNumbers
from broker_topology.rights import sender
from broker_topology.state import Depth
from broker_topology.topology import JOURNAL_DEAD, JOURNAL_QUEUE, dead_queue, queue_name
from common.channels import CHANNELS, PRIORITIES
from common.watching.finding import Finding, State
from console.services.facts import StoreFacts
from console.services.reading import Silent

_RISING: Final = 10  # dead letters in an hour, and twice as many as in the hour before
_KINDS: Final = {
    "nodes": "nodes",
    "quorum": "quorum",
    "broker disk": "disk",
    "broker": "alarm",
    "topology": "topology",
}
"""The doctor's check → what it is called here."""

_COMMANDS: Final = {
    "nodes": "gateway topology check",
    "quorum": "gateway topology check",
    "topology": "gateway topology check",
    "account": "gateway ps",
    "pause": "gateway ps",
    "unmanned": "gateway ps",
    "store": "gateway db current",
    "aside": "gateway aside list",
    "stalled": "gateway stalled list",
    "rising": "gateway dead list --group",
}

_ORDER: Final = (
    *("broker", "alarm", "quorum", "nodes", "account", "unmanned", "pause", "topology"),
    *("store", "journal", "aside", "stalled", "rising", "disk"),
)
"""Of two as grave, what stops more comes first."""


class Level(IntEnum):
    """How grave it is: 2 needs a person, 1 mends itself."""

    PASSES = 1
    NEEDS_PERSON = 2


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that is not as it should be.

    kind: its text is `concern.<kind>`; detail: the doctor's, or a provider's, own words;
    href: where it is seen or mended; count: the text's number.
    """

    kind: str
    level: Level
    href: str
    detail: str = ""
    count: int | None = None
    values: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What tells more of it in a terminal."""
        return _COMMANDS.get(self.kind, "gateway doctor")


def concerns_of(
    broker: BrokerNumbers, store: StoreFacts | Silent, slow: Sequence[Finding]
) -> list[Concern]:
    """Everything that is wrong. slow: findings of the checks that are not made at each look."""
    found = [*_of_broker(broker, slow), *_of_store(store), *_of_channels(broker, store)]
    return sorted(found, key=lambda one: (-one.level, _ORDER.index(one.kind)))


def waiting(broker: BrokerNumbers, channel: str) -> int:
    """How many deliveries of a channel wait in its queues."""
    names = (queue_name(channel, priority) for priority in PRIORITIES)
    return sum(broker.queues[name].all for name in names if name in broker.queues)


def dead(broker: BrokerNumbers) -> int | None:
    """How many dead letters there are; None if the broker does not say."""
    names = [dead_queue(channel) for channel in CHANNELS]
    found = [broker.queues[name].all for name in names if name in broker.queues]
    return sum(found) if found else None


def _of_broker(broker: BrokerNumbers, slow: Sequence[Finding]) -> Iterator[Concern]:
    if not broker.is_reached:
        yield Concern("broker", Level.NEEDS_PERSON, "/operations", broker.fault or "")
        return
    for finding in (*broker.findings, *slow):
        if finding.state is State.WRONG and finding.check in _KINDS:
            kind = _KINDS[finding.check]
            yield Concern(kind, Level.NEEDS_PERSON, "/operations", finding.detail)
    yield from _of_journal(broker)


def _of_journal(broker: BrokerNumbers) -> Iterator[Concern]:
    facts, aside = (
        Depth(found.all, found.consumers) if (found := broker.queues.get(name)) else None
        for name in (JOURNAL_QUEUE, JOURNAL_DEAD)
    )
    judged = judge_journal(facts, aside)
    if judged.state is not State.WRONG or facts is None or aside is None:
        return
    kind, count = ("aside", aside.messages) if aside.messages else ("journal", facts.messages)
    yield Concern(kind, Level.NEEDS_PERSON, "/operations", judged.detail, count)


def _of_store(store: StoreFacts | Silent) -> Iterator[Concern]:
    if isinstance(store, Silent):
        yield Concern("store", Level.NEEDS_PERSON, "/operations", store.why)
        return
    if store.stalled:
        yield Concern("stalled", Level.NEEDS_PERSON, "/operations", count=store.stalled)
    if store.failed >= _RISING and store.failed > 2 * store.failed_before:
        yield Concern("rising", Level.NEEDS_PERSON, "/dead-letters", count=store.failed)


def _of_channels(broker: BrokerNumbers, store: StoreFacts | Silent) -> Iterator[Concern]:
    processes = () if isinstance(store, Silent) else store.processes
    for channel in CHANNELS:
        said = {"channel": channel}
        lines = waiting(broker, channel)
        queues = [broker.queues.get(queue_name(channel, one)) for one in PRIORITIES]
        if lines and not any(one and one.consumers for one in queues):
            accounts = [one for one in processes if one.kind == sender(channel) and one.is_alive]
            if not accounts:
                yield Concern("unmanned", Level.NEEDS_PERSON, "/#queues", "", lines, said)
        for process in processes:
            if process.kind == sender(channel) and process.is_alive and not process.is_well:
                kind, level = (
                    ("account", Level.NEEDS_PERSON)
                    if process.is_refused
                    else ("pause", Level.PASSES)
                )
                yield Concern(kind, level, "/#processes", process.account, lines, said)
                break

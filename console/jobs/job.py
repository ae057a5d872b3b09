"""One job: its progress, its end, and what is said of it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from common.times import epoch_ms, utc_at, utc_now
from console.jobs.order import Order
from console.walks import Walk
from store.dead_letters.jobs import KILLED, JobRow


class State(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


UNFINISHED = frozenset({State.CANCELLED, State.FAILED, State.INTERRUPTED})
"""States of which the rest can be done by another job."""


@dataclass(eq=False)
class Job:
    """One piece of work, as its console or the store tells of it.

    kind: `requeue`, `discard` or `import`; total: letters that are to be worked on, if that is
    known; result: what came of it; problem: why it failed, as a problem document; place: of the
    console that works on it; order: what it is to do, until that is done, and told: the same for
    people; is_killed: nobody could tell how far it came in its last second;
    is_kept: the store has it, so that it outlives the console.
    """

    id: str
    kind: str
    total: int | None
    actor: str = ""
    place: str = ""
    order: Order | None = None
    told: Mapping[str, JsonValue] = field(default_factory=dict)
    state: State = State.RUNNING
    result: Mapping[str, JsonValue] | None = None
    problem: Mapping[str, JsonValue] | None = None
    began_at: datetime = field(default_factory=utc_now)
    ended_at: datetime | None = None
    continues: str | None = None
    continued_by: str | None = None
    walk: Walk = field(default_factory=Walk)
    is_killed: bool = False
    is_kept: bool = False
    is_cancelled: bool = False
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _kept: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.state is State.RUNNING

    @property
    def can_be_continued(self) -> bool:
        """Whether another job may do what is left of it."""
        return self.state in UNFINISHED and bool(self.told) and self.continued_by is None

    @property
    def said(self) -> str:
        """How far it came, in words that say how exact they are."""
        of = f" of {self.total}" if self.total is not None else ""
        if self.is_killed:
            return (
                f"It was killed: at least {self.walk.done}{of} are done, and what its last second "
                "did; none is lost, and at most the one in hand was done twice."
            )
        if self.state is State.INTERRUPTED:
            return f"The console was stopped: {self.walk.done}{of} are done, the others untouched."
        return f"{self.walk.done}{of} are done."

    def document(self) -> dict[str, JsonValue]:
        """What `GET /v1/jobs/<id>` shows."""
        return {
            "id": self.id,
            "kind": self.kind,
            "actor": self.actor,
            "state": self.state.value,
            "done": self.walk.done,
            "total": self.total,
            "exact": not self.is_killed,
            "said": self.said,
            "wanted": dict(self.told),
            "result": dict(self.result) if self.result is not None else None,
            "problem": dict(self.problem) if self.problem is not None else None,
            "began_at": self.began_at.isoformat(timespec="seconds"),
            "ended_at": self.ended_at.isoformat(timespec="seconds") if self.ended_at else None,
            "kept": "store" if self.is_kept else "memory",
            "continues": self.continues,
            "continued_by": self.continued_by,
            "can_be_continued": self.can_be_continued,
        }

    def cancel(self) -> None:
        """Have it end at the letter it is at; what is done stays done."""
        self.is_cancelled = True
        self.walk.end()

    def __post_init__(self) -> None:
        if self.order is not None:
            self.told = self.order.told()

    def end(self, state: State, problem: Mapping[str, JsonValue] | None = None) -> None:
        """It goes on no more."""
        self.state, self.problem, self.ended_at = state, problem, utc_now()
        self._over.set()

    async def wait(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        await _wait(self._over, seconds)

    def tell_kept(self) -> None:
        """The store was asked to keep it for the first time, whatever came of that."""
        self._kept.set()

    async def wait_kept(self, seconds: float) -> None:
        """Return when that was tried, or after so many seconds."""
        await _wait(self._kept, seconds)

    def row(self) -> JobRow:
        """As the store keeps it."""
        return JobRow(
            id=UUID(self.id),
            kind=self.kind,
            actor=self.actor,
            place=self.place,
            state=KILLED if self.is_killed else self.state.value,
            told=self.told,
            wanted=self.order.as_kept() if self.order else {},
            total=self.total,
            done=self.walk.done,
            result=self.result,
            problem=self.problem,
            began_at_ms=epoch_ms(self.began_at),
            seen_at_ms=epoch_ms(utc_now()),
            ended_at_ms=epoch_ms(self.ended_at) if self.ended_at else None,
            continues=UUID(self.continues) if self.continues else None,
        )

    @classmethod
    def of_row(cls, row: JobRow, *, is_lost: bool) -> Self:
        """As the store tells of it; is_lost: it says that it runs, and nobody works on it."""
        is_killed = is_lost or row.state == KILLED
        ended_ms = row.seen_at_ms if is_lost else row.ended_at_ms
        job = cls(
            str(row.id),
            row.kind,
            row.total,
            actor=row.actor,
            place=row.place,
            order=Order.kept(row.wanted or {}),
            told=row.told,
            state=State.INTERRUPTED if is_killed else State(row.state),
            result=row.result,
            problem=row.problem,
            began_at=utc_at(row.began_at_ms),
            ended_at=None if ended_ms is None else utc_at(ended_ms),
            continues=str(row.continues) if row.continues else None,
            continued_by=str(row.continued_by) if row.continued_by else None,
            is_killed=is_killed,
            is_kept=True,
        )
        job.walk.note(row.done)
        return job


async def _wait(event: asyncio.Event, seconds: float) -> None:
    if seconds > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

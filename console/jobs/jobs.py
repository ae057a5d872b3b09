"""Work that goes on when nobody looks: its progress, its result, and how to cancel it.

Jobs live in memory. One that is lost with its process loses no letter: each was done or not.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import JsonValue
from uuid_utils.compat import uuid7

from broker_topology.connect import TopologyError
from broker_topology.dead_letters.queue import DeadLetterError, WorkCancelledError
from common.envelope import utc_now
from common.http.problems import Problem
from common.logs import get_logger
from console.walks import Walk, Walks, Work, busy, problem_of

log = get_logger(__name__)

MOST_RUNNING: Final = 4  # so that there are places left to look at letters meanwhile
MOST_KEPT: Final = 100


class State(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(eq=False)
class Job:
    """One piece of work.

    kind: `requeue` or `discard`; total: letters that are to be worked on, if that is known;
    result: what came of it; problem: why it failed, as a problem document.
    """

    id: str
    kind: str
    total: int | None
    state: State = State.RUNNING
    result: Mapping[str, JsonValue] | None = None
    problem: Mapping[str, JsonValue] | None = None
    began_at: datetime = field(default_factory=utc_now)
    ended_at: datetime | None = None
    walk: Walk = field(default_factory=Walk)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.state is State.RUNNING

    def document(self) -> dict[str, JsonValue]:
        """What `GET /v1/jobs/<id>` shows."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state.value,
            "done": self.walk.done,
            "total": self.total,
            "result": dict(self.result) if self.result is not None else None,
            "problem": dict(self.problem) if self.problem is not None else None,
            "began_at": self.began_at.isoformat(timespec="seconds"),
            "ended_at": self.ended_at.isoformat(timespec="seconds") if self.ended_at else None,
        }

    def end(self, state: State, problem: Mapping[str, JsonValue] | None = None) -> None:
        """It goes on no more."""
        self.state, self.problem, self.ended_at = state, problem, utc_now()
        self._over.set()

    async def wait(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                pass


class Jobs:
    """The jobs of this process, the latest MOST_KEPT of them."""

    def __init__(self, walks: Walks) -> None:
        self._walks = walks
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, kind: str, work: Work[Mapping[str, JsonValue]], total: int | None = None
    ) -> Job:
        """Begin it. Raises Problem when too many run already."""
        running = sum(job.is_running for job in self._jobs.values())
        if running >= MOST_RUNNING:
            raise busy(f"{MOST_RUNNING} jobs run already: wait for one, or cancel it")
        self._forget(MOST_KEPT - 1)
        job = Job(str(uuid7()), kind, total)
        self._jobs[job.id] = job
        task = asyncio.create_task(self._run(job, work), name=f"job {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def find(self, job_id: str) -> Job:
        """Raises Problem."""
        if job := self._jobs.get(job_id):
            return job
        raise Problem("job_not_found", f"there is no job {job_id[:80]}")

    def all(self) -> list[Job]:
        """The latest first."""
        return [*reversed(self._jobs.values())]

    async def close(self) -> None:
        """End what runs."""
        await self._walks.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, job: Job, work: Work[Mapping[str, JsonValue]]) -> None:
        log.info("job began", job=job.id, kind=job.kind, total=job.total)
        try:
            job.result = await self._walks.work(work, job.walk)
            job.end(State.DONE)
        except WorkCancelledError:
            job.end(State.CANCELLED)
        except asyncio.CancelledError:
            job.end(State.CANCELLED)
            raise
        except Problem as problem:
            job.end(State.FAILED, problem.document())
        except (DeadLetterError, TopologyError) as error:
            job.end(State.FAILED, problem_of(error, job.walk.done).document())
        except Exception:
            log.exception("job failed", job=job.id)
            fault = Problem("internal_error", "the gateway could not do this job to its end")
            job.end(State.FAILED, fault.document())
        code = job.problem["code"] if job.problem else None
        log.info(
            "job ended", job=job.id, kind=job.kind, state=job.state, done=job.walk.done, code=code
        )

    def _forget(self, most: int) -> None:
        """Keep at most so many, the oldest that have ended going first."""
        ended = [job.id for job in self._jobs.values() if not job.is_running]
        for job_id in ended[: max(0, len(self._jobs) - most)]:
            del self._jobs[job_id]

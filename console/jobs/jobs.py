"""Work that goes on when nobody looks: begun, followed, ended, and gone on with by another job.

The store keeps jobs, so that they outlive the console; without one they live in memory. One that
is lost with its process loses no letter: each was done or not.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import JsonValue
from uuid_utils.compat import uuid7

from broker_topology.connect import TopologyError
from broker_topology.dead_letters.queue import DeadLetterError, WorkCancelledError
from common.http.problems import Problem
from common.logs import get_logger
from console.jobs.job import UNFINISHED, Job, State
from console.jobs.keeping import Keeper, KeptJobs, StoreAway
from console.jobs.order import Order
from console.walks import Walks, Work, busy, problem_of

log = get_logger(__name__)

MOST_RUNNING: Final = 4  # so that there are places left to look at letters meanwhile
MOST_KEPT: Final = 100
_SAVED_EACH_S: Final = 0.5
_SAVED_AGAIN_S: Final = 5.0  # of one that has ended while the store is away
_FIRST_SAVE_S: Final = 1.0  # for which the work waits
_END_S: Final = 2.0

JobWork = Work[Mapping[str, JsonValue]]
Maker = Callable[[Order, str], JobWork]
"""Makes the work of an order; the other argument is who wants it. Raises Problem."""


class Jobs:
    """The jobs of this process, the latest MOST_KEPT of them, and those that the store knows."""

    def __init__(self, walks: Walks, keeper: Keeper) -> None:
        self._walks = walks
        self._keeper = keeper
        self._jobs: dict[str, Job] = {}
        self._makers: dict[str, Maker] = {}
        self._listeners: list[Callable[[], object]] = []
        self._continued: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def can(self, kind: str, make: Maker) -> None:
        """Jobs of this kind are done so."""
        self._makers[kind] = make

    def before_start(self, tell: Callable[[], object]) -> None:
        """Tell it before a job begins, which needs the queues for itself."""
        self._listeners.append(tell)

    @property
    def are_running(self) -> bool:
        """Whether any of this console's jobs goes on."""
        return any(job.is_running for job in self._jobs.values())

    async def open(self) -> None:
        """Find out which jobs a kill has interrupted."""
        self._own(self._keeper.settle(), "settle jobs")

    async def start(
        self,
        kind: str,
        order: Order,
        actor: str,
        total: int | None = None,
        continues: str | None = None,
    ) -> Job:
        """Begin it. Raises Problem when too many run already, or the order cannot be done."""
        running = sum(job.is_running for job in self._jobs.values())
        if running >= MOST_RUNNING:
            raise busy(f"{MOST_RUNNING} jobs run already: wait for one, or cancel it")
        work = self._makers[kind](order, actor)
        place = self._keeper.place
        job = Job(str(uuid7()), kind, total, actor, place, order, continues=continues)
        if continues:
            await self._take_rest(continues, job)
        self._forget(MOST_KEPT - 1)
        for tell in self._listeners:
            tell()
        self._jobs[job.id] = job
        self._own(self._save_always(job), f"save job {job.id}")
        self._own(self._run(job, work), f"job {job.id}")
        await job.wait_kept(_FIRST_SAVE_S)
        return job

    async def go_on(self, job_id: str, actor: str) -> Job:
        """Begin another job that does what is left of this one. Raises Problem."""
        before = await self.find(job_id)
        if before.order is None or not before.can_be_continued:
            raise Problem("job_not_continued", _not_continued(before))
        order = before.order.rest(before.began_at, before.walk.done)
        total = None if before.total is None else max(before.total - before.walk.done, 0)
        return await self.start(before.kind, order, actor, total, before.id)

    async def _take_rest(self, continues: str, job: Job) -> None:
        """Have no other job do the same rest. Raises Problem."""
        self._continued[continues] = job.id  # here from now on, elsewhere once the store has it
        is_taken = False
        try:
            is_taken = await self._keeper.take_rest(job)
        finally:
            if not is_taken:
                del self._continued[continues]
        if not is_taken:
            raise Problem("job_not_continued", "another job, of another console, does its rest")

    async def find(self, job_id: str) -> Job:
        """One of this console, or as the store tells of it. Raises Problem."""
        job = self._jobs.get(job_id)
        with suppress(StoreAway):
            job = job or await self._keeper.find(job_id)
        if job is None:
            raise Problem("job_not_found", f"there is no job {job_id[:80]}")
        job.continued_by = job.continued_by or self._continued.get(job.id)
        return job

    async def cancel(self, job: Job) -> None:
        """Have it end at the letter it is at, at whichever console. Raises Problem."""
        if job.id in self._jobs:
            job.cancel()
        elif job.is_running:
            try:
                await self._keeper.ask_to_end(job.id)
            except StoreAway:
                sentence = "the database does not answer, by which its console would be told"
                raise busy(sentence) from None

    async def all(self) -> KeptJobs:
        """The latest first: those of this console as they are now, the others as the store has."""
        kept = await self._keeper.latest(MOST_KEPT)
        known = {job.id: job for job in kept.jobs} | self._jobs
        for job in known.values():
            job.continued_by = job.continued_by or self._continued.get(job.id)
        latest = sorted(known.values(), key=lambda job: (job.began_at, job.id), reverse=True)
        return KeptJobs(latest[:MOST_KEPT], kept.state)

    async def close(self) -> None:
        """End what runs, and keep how far it came."""
        await self._walks.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_END_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._keeper.close()

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, job: Job, work: JobWork) -> None:
        # Else a kill in its first moments would leave no trace of it.
        await job.wait_kept(_FIRST_SAVE_S)
        log.info("job began", job=job.id, kind=job.kind, total=job.total)
        try:
            job.result = await self._walks.work(work, job.walk)
            job.end(State.DONE)
        except WorkCancelledError:
            job.end(State.CANCELLED if job.is_cancelled else State.INTERRUPTED)
        except asyncio.CancelledError:
            job.is_killed = True
            job.end(State.INTERRUPTED)
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

    async def _save_always(self, job: Job) -> None:
        """Keep how far it is, more often than once a second, until the store has its end."""
        while True:
            is_last = not job.is_running
            is_kept = await self._keeper.save(job)
            job.tell_kept()
            if is_last and job.state is State.DONE:
                job.order = None  # of ten thousand ids nobody needs to know any more
            if not is_last:
                await job.wait(_SAVED_EACH_S)
            elif is_kept or not self._keeper.has_store:
                return
            else:
                await asyncio.sleep(_SAVED_AGAIN_S)

    def _forget(self, most: int) -> None:
        """Keep at most so many, the oldest that have ended going first."""
        ended = [job.id for job in self._jobs.values() if not job.is_running]
        for job_id in ended[: max(0, len(self._jobs) - most)]:
            del self._jobs[job_id]
            self._continued.pop(job_id, None)


def _not_continued(job: Job) -> str:
    if job.continued_by:
        return f"job {job.continued_by} does its rest"
    if job.state not in UNFINISHED:
        return f"it is {job.state}"
    return "what it was about is not kept any more"

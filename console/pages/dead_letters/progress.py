"""Jobs and archives as the page shows them: values, so that what has changed is seen."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from console.dead_letters.kept import KeptArchive
from console.jobs.job import Job
from console.services.services import Services

SHOWN: Final = 8
_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class JobShown:
    """One job at one moment; fault: why it failed, in words; is_exact: done is the whole truth;
    is_continued: another job does its rest.
    """

    id: str
    kind: str
    state: str
    actor: str
    done: int
    total: int | None
    began_at: datetime
    is_exact: bool
    can_be_continued: bool
    is_continued: bool
    fault: str

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Work:
    """What is under way, and what can be put back; store: whether the database keeps jobs."""

    jobs: tuple[JobShown, ...]
    archives: tuple[KeptArchive, ...]
    store: Literal["ok", "none", "unavailable"]


async def read_work(services: Services) -> Work:
    """The latest jobs and archives; asked for once for all who look."""

    async def read() -> Work:
        known = await services.jobs.all()
        kept = await asyncio.to_thread(services.kept.all)
        jobs = tuple(job_shown(one) for one in known.jobs[:SHOWN])
        return Work(jobs, tuple(kept[:SHOWN]), known.state)

    return await services.shared("dead.work", read, _EVERY_S).get()


def job_shown(job: Job) -> JobShown:
    """A job as it is now."""
    return JobShown(
        id=job.id,
        kind=job.kind,
        state=job.state.value,
        actor=job.actor,
        done=job.walk.done,
        total=job.total,
        began_at=job.began_at,
        is_exact=not job.is_killed,
        can_be_continued=job.can_be_continued,
        is_continued=job.continued_by is not None,
        fault=str((job.problem or {}).get("detail", "")),
    )

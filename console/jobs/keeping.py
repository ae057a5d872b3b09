"""Jobs in the store: they outlive the console, and each console knows those of the others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from uuid import UUID, uuid4

from common.errors import GatewayError
from common.facts import OUR_HOST
from common.logs import get_logger
from common.settings import Settings
from common.times import epoch_ms, utc_now
from console.jobs.job import Job
from store.access.noting import has_store
from store.database import Database
from store.dead_letters.jobs import (
    RUNNING,
    JobRow,
    ask_to_end,
    find_job,
    read_jobs,
    save_job,
    settle_lost,
    take_rest,
)

log = get_logger(__name__)

SILENT_S: Final = 30.0
"""After so long without a word of a job's console it is taken to be killed."""

Result = TypeVar("Result")


class StoreAway(Exception):
    """There is no store, or it does not answer now."""

    def __init__(self, state: Literal["none", "unavailable"]) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True)
class KeptJobs:
    """The jobs that the store knows, the latest first; state: whether it could be asked."""

    jobs: list[Job]
    state: Literal["ok", "none", "unavailable"]


class Keeper:
    """Saves jobs in the store and reads them there; where there is none, they are not kept.

    place: of this console, which tells its own jobs after a restart; no two consoles have the same.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.place = f"{OUR_HOST}:{settings.console_port or uuid4().hex}"
        self._database: Database | None = None
        self._is_told = False

    @property
    def has_store(self) -> bool:
        """Whether there is a store, if it answers or not."""
        return has_store(self._settings)

    async def save(self, job: Job) -> bool:
        """Keep how far it is; returns whether the store has it. Ends it where that was asked."""
        row = job.row()
        try:
            is_end_asked = await self._do(lambda database: _save(database, row))
        except StoreAway:
            return False
        job.is_kept = True
        if is_end_asked and job.is_running:
            job.cancel()
        return True

    async def take_rest(self, job: Job) -> bool:
        """Keep that it does the rest of another; False if one of any console does so already.

        While the store is away nobody knows, and it may.
        """
        row = job.row()
        try:
            return await self._do(lambda database: _take_rest(database, row))
        except StoreAway:
            return True

    async def latest(self, limit: int) -> KeptJobs:
        """So many jobs of all consoles."""
        try:
            rows = await self._do(lambda database: _latest(database, limit))
        except StoreAway as away:
            return KeptJobs([], away.state)
        return KeptJobs([self._job(row) for row in rows], "ok")

    async def find(self, job_id: str) -> Job | None:
        """One job of any console. Raises StoreAway."""
        try:
            wanted = UUID(job_id)
        except ValueError:
            return None
        row = await self._do(lambda database: _find(database, wanted))
        return self._job(row) if row else None

    async def ask_to_end(self, job_id: str) -> None:
        """Have another console end it. Raises StoreAway."""
        await self._do(lambda database: _ask_to_end(database, UUID(job_id)))

    async def settle(self) -> None:
        """Write down which jobs ended with a console that was killed. At this one's start only."""
        try:
            lost = await self._do(lambda database: _settle(database, self.place))
        except StoreAway:
            return  # they are shown as what they are all the same
        for row in lost:
            log.warning("a job was interrupted by a kill", job=str(row.id), done=row.done)

    def close(self) -> None:
        """Close the store's connections."""
        if self._database:
            self._database.close()

    def _job(self, row: JobRow) -> Job:
        is_silent = row.seen_at_ms < epoch_ms(utc_now()) - SILENT_S * 1000
        # Whoever asks has looked among those that run here before.
        is_lost = row.state == RUNNING and (row.place == self.place or is_silent)
        return Job.of_row(row, is_lost=is_lost)

    async def _do(self, work: Callable[[Database], Result]) -> Result:
        if not self.has_store:
            raise StoreAway("none")
        try:
            if self._database is None:
                self._database = Database(self._settings.store_url)
            result = await asyncio.to_thread(work, self._database)
        except GatewayError as error:
            if not self._is_told:
                log.warning("jobs are not in the store", detail=str(error))
            self._is_told = True
            raise StoreAway("unavailable") from error
        self._is_told = False
        return result


def _save(database: Database, row: JobRow) -> bool:
    with database.writing() as connection:
        return save_job(connection, row)


def _take_rest(database: Database, row: JobRow) -> bool:
    with database.writing() as connection:
        return take_rest(connection, row)


def _latest(database: Database, limit: int) -> list[JobRow]:
    with database.reading() as connection:
        return read_jobs(connection, limit)


def _find(database: Database, job_id: UUID) -> JobRow | None:
    with database.reading() as connection:
        return find_job(connection, job_id)


def _ask_to_end(database: Database, job_id: UUID) -> None:
    with database.writing() as connection:
        ask_to_end(connection, job_id)


def _settle(database: Database, place: str) -> list[JobRow]:
    silent_before_ms = int(epoch_ms(utc_now()) - SILENT_S * 1000)
    with database.writing() as connection:
        return settle_lost(connection, place, silent_before_ms)

"""A journal process: the queue `journal` into the store, watched, and stopped in order."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from broker_topology.topology import EVENTS, JOURNAL_QUEUE
from common.broker.batches import Batches
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.logs import get_logger
from common.settings import Settings
from common.tls import check_tls_files
from common.watching.heartbeat import Heart, beating
from common.watching.status_server import StatusServer
from journal.callbacks.calling import Callbacks
from journal.intake import Intake
from journal.metrics import observe_journal, readiness
from journal.sweeper import sweep_always
from journal.upkeep import keep_up
from journal.waking import Waker
from store.database import Database, StoreUnavailable
from store.schema import SchemaError, check
from store.upkeep.epoch import remember, settle_epoch

log = get_logger(__name__)

KIND: Final = "journal"
BATCH: Final = 1000
WITHIN_S: Final = 0.02


def check_start(settings: Settings) -> None:
    """What is looked at before anything else. Raises SettingsError when no start can succeed."""
    check_tls_files(settings.broker_url)
    Database(settings.store_url).close()


async def run_journal(settings: Settings, stopping: asyncio.Event) -> None:
    """Store facts until `stopping` is set; a batch in hand is finished, or given back.

    Raises SchemaError when the store's tables are not, or not any more, those of this version.
    """
    check_start(settings)
    database = Database(settings.store_url)
    # Two connections: in an alarm the broker reads nothing, acks included, from one that publishes.
    async with (
        Broker(settings.broker_url, name="journal consuming") as broker,
        Broker(settings.broker_url, name="journal publishing") as publishing,
    ):
        publisher = Publisher(publishing)
        waker = Waker(publisher)
        callbacks = Callbacks(database, publisher, settings.expires_in_s)

        def tell_stored() -> None:
            waker.wake()
            callbacks.wake()

        intake = Intake(
            database, publisher, stopping, tell_stored, settings.endpoint_disabled_after_s
        )
        connections = (broker, publishing)
        observe_journal(intake, connections)
        status = StatusServer(
            settings.metrics_host,
            settings.metrics_port,
            lambda: readiness(intake, publisher, connections),
        )
        try:
            async with status, beating(Heart(publisher, EVENTS, KIND)):
                if await _is_usable(database, intake, stopping):
                    batches = Batches(
                        broker, JOURNAL_QUEUE, intake.take, size=BATCH, within_s=WITHIN_S
                    )
                    beside = (
                        waker.run(),
                        callbacks.run(),
                        keep_up(database, settings),
                        sweep_always(database, settings.stalled_after_s),
                    )
                    await _run(batches, beside, stopping, settings.stop_timeout_s)
                    if intake.wrong_tables:
                        raise intake.wrong_tables
                    await asyncio.to_thread(callbacks.leave)
                    await asyncio.to_thread(_leave, database)
        finally:
            database.close()


async def _is_usable(database: Database, intake: Intake, stopping: asyncio.Event) -> bool:
    """Wait for the store, look at its tables, and whether it was restored.

    Returns false when stopped before. Raises SchemaError.
    """
    while not stopping.is_set():
        try:
            await asyncio.to_thread(check, database)
            await asyncio.to_thread(settle_epoch, database)
        except SchemaError:
            raise
        except StoreUnavailable as error:
            intake.note(error)
            await intake.wait(random.uniform(0.5, 2.0))
        else:
            intake.fault = None
            return True
    return False


def _leave(database: Database) -> None:
    with contextlib.suppress(StoreUnavailable):
        remember(database)


async def _run(
    batches: Batches,
    beside: Iterable[Coroutine[Any, Any, None]],
    stopping: asyncio.Event,
    stop_timeout_s: float,
) -> None:
    storing = asyncio.create_task(batches.run(), name="journal")
    others = [asyncio.create_task(one) for one in beside]
    waiter = asyncio.create_task(stopping.wait())
    log.info("journal started")
    try:
        await asyncio.wait([waiter, storing, *others], return_when=asyncio.FIRST_COMPLETED)
        batches.stop()
        log.info("journal stopping")
        await asyncio.wait([storing], timeout=stop_timeout_s)
    finally:
        is_done = storing.done()
        for task in (waiter, storing, *others):
            task.cancel()
        results = await asyncio.gather(storing, *others, return_exceptions=True)
        log.info("journal stopped", given_back=not is_done)
    for result in results:
        if isinstance(result, Exception):
            raise result

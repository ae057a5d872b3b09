"""What a journal does for the store beside storing: is it the same one, and what must go?"""

import asyncio
from typing import Final

from common.logs import get_logger
from common.settings import Settings
from common.times import epoch_ms, utc_now
from store.database import Database, StoreUnavailable
from store.upkeep.epoch import settle_epoch
from store.upkeep.retention import erase_due

log = get_logger(__name__)

ROUND_S: Final = 30.0
_PAUSE_S: Final = 0.2  # between two batches that are erased: storing goes first


async def keep_up(database: Database, settings: Settings) -> None:
    """Look at the store's epoch and erase what is due, round after round, until cancelled.

    A round that the store is not there for is left out.
    """
    while True:
        try:
            await asyncio.to_thread(settle_epoch, database)
            erased = await asyncio.to_thread(_erase, database, settings)
        except StoreUnavailable as error:
            log.warning("upkeep of the store has to wait", detail=str(error))
            erased = 0
        await asyncio.sleep(_PAUSE_S if erased else ROUND_S)


def _erase(database: Database, settings: Settings) -> int:
    return erase_due(
        database,
        epoch_ms(utc_now()),
        content_days=settings.keep_content_days,
        history_days=settings.keep_history_days,
    )

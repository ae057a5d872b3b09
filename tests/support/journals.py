"""A journal that runs in the loop of a test, and what the store has then."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select

from common.settings import Settings, load_settings
from journal.process import run_journal
from store import tables
from store.database import Database


def journal_settings(amqp_url: str, store_url: str, **changes: str) -> Settings:
    """Settings of a journal that stops within some seconds."""
    given = {"amqp_url": amqp_url, "database_url": store_url, "stop_timeout_s": "5"} | changes
    return load_settings({f"GATEWAY_{name.upper()}": text for name, text in given.items()})


@asynccontextmanager
async def running_journal(
    amqp_url: str, store_url: str, **changes: str
) -> AsyncIterator[asyncio.Event]:
    """Run a whole journal process's work in this loop; yields the event that stops it."""
    stopping = asyncio.Event()
    settings = journal_settings(amqp_url, store_url, **changes)
    task = asyncio.create_task(run_journal(settings, stopping))
    try:
        yield stopping
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)


def stored_facts(database: Database) -> Counter[str]:
    """How many facts of each type are stored."""
    table = tables.events
    with database.reading() as connection:
        rows = connection.execute(select(table.c.type, func.count()).group_by(table.c.type))
        return Counter({row[0]: row[1] for row in rows})


def stored_ids(database: Database) -> list[str]:
    """The id of every stored fact."""
    with database.reading() as connection:
        return [str(one) for one in connection.scalars(select(tables.events.c.id))]


def sequence(database: Database) -> list[int]:
    """Every number, as one reader sees them."""
    with database.reading() as connection:
        return list(connection.scalars(select(tables.events.c.seq).order_by(tables.events.c.seq)))

"""Small writes share transactions: each is done once, and none costs another one anything."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from store import tables
from store.access.together import Together
from store.database import Database, NotStorable, StoreUnavailable

TABLE = tables.processes


def adding(name: str | None) -> Any:
    """Work that adds one row, and returns its name."""

    def work(connection: Connection) -> str | None:
        row: dict[str, Any] = {"id": name, "kind": "", "host": "", "version": "", "state": {}}
        connection.execute(insert(TABLE).values(**row, started_at_ms=0, seen_at_ms=0))
        return name

    return work


def names(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.scalars(select(TABLE.c.id)))


async def test_those_of_a_moment_share_few_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, writing = [0], database.writing

    def counted() -> Any:
        begun[0] += 1
        return writing()

    monkeypatch.setattr(database, "writing", counted)
    together = Together(database)
    wanted = [str(number) for number in range(150)]
    found = await asyncio.gather(*(together.write(one.encode(), adding(one)) for one in wanted))
    together.close()
    assert found == wanted
    assert names(database) == set(wanted)
    assert begun[0] <= 3


async def test_one_that_is_at_fault_costs_the_others_nothing(database: Database) -> None:
    def broken(_: Connection) -> None:
        raise LookupError("a fault of ours")

    works = [adding("a"), broken, adding(None), adding("b")]
    together = Together(database)
    found = await asyncio.gather(
        *(together.write(b"%d" % number, work) for number, work in enumerate(works)),
        return_exceptions=True,
    )
    together.close()
    assert found[0] == "a"
    assert found[3] == "b"
    assert isinstance(found[1], LookupError)
    assert isinstance(found[2], NotStorable)
    assert names(database) == {"a", "b"}


async def test_store_that_is_away_is_told_to_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("it is away")

    together = Together(database)
    with monkeypatch.context() as patched:
        patched.setattr(database, "writing", away)
        some = (together.write(b"%d" % number, adding(str(number))) for number in range(3))
        found = await asyncio.gather(*some, return_exceptions=True)
    assert [type(one) for one in found] == [StoreUnavailable] * 3
    assert await together.write(b"", adding("back")) == "back"
    together.close()


async def test_who_gives_up_is_no_hindrance(database: Database) -> None:
    may_go_on = threading.Event()

    def slow(connection: Connection) -> Any:
        may_go_on.wait(20)
        return adding("slow")(connection)

    together = Together(database)
    first = asyncio.create_task(together.write(b"1", slow))
    await asyncio.sleep(0)
    waits = asyncio.create_task(together.write(b"2", adding("given up")))
    stays = asyncio.create_task(together.write(b"3", adding("stays")))
    await asyncio.sleep(0)
    waits.cancel()
    first.cancel()
    may_go_on.set()
    assert await stays == "stays"
    together.close()
    assert names(database) == {"slow", "stays"}

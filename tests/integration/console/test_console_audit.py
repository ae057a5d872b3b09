"""What is done to dead letters over HTTP is in the audit log, and does not wait for it."""

from pathlib import Path
from unittest.mock import ANY

import httpx

from store.access.audit import Entry, read_entries
from store.database import Database
from tests.support.clients.console_client import PATH, console, done, sealed
from tests.support.dead_letters import bury_all, reason
from tests.support.queues import count, make_delivery


def audited(database: Database) -> list[Entry]:
    with database.reading() as connection:
        return read_entries(connection)


async def discard_all(client: httpx.AsyncClient) -> None:
    archive = await client.post(f"{PATH}/archive", json={"all": True})
    _, order = sealed(archive.content)
    assert await done(client, await client.post(f"{PATH}/discard", json=order))


async def test_requeue_and_discard_are_audited_with_the_callers_address(
    gateway_url: str, database: Database, store_url: str
) -> None:
    one, other = make_delivery(), make_delivery(address="41002")
    bury_all(gateway_url, [(one, reason("550")), (other, reason("550"))])
    async with console(gateway_url, store_url=store_url) as client:
        order = {"ids": [one.id], "redirect": "41999"}
        await done(client, await client.post(f"{PATH}/requeue", json=order))
        await discard_all(client)
    discarded, requeued = audited(database)
    assert [(it.action, it.actor) for it in (requeued, discarded)] == [
        ("requeued", "console 127.0.0.1"),
        ("discarded", "console 127.0.0.1"),
    ]
    assert requeued.details == {"number": 1, "redirected": True, "ids": [one.id]}
    assert discarded.details == {"number": 1, "archive": ANY}


async def test_letters_are_rescued_while_the_store_is_away(
    gateway_url: str, tmp_path: Path
) -> None:
    bury_all(gateway_url, [(make_delivery(), reason("550"))])
    async with console(gateway_url, store_url=f"sqlite:///{tmp_path / 'nowhere.db'}") as client:
        answer = await client.post(f"{PATH}/requeue", json={"all": True})
        assert (await done(client, answer))["requeued"] == 1
    assert count(gateway_url, "telegram.normal") == 1

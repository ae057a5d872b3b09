"""What the console discards it keeps for a while, and puts back on demand, each letter once."""

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.settings import Settings
from console.dead_letters.kept import KeptArchives
from store.access.audit import read_entries
from store.database import Database
from tests.support.clients.console_client import PATH, assert_problem, console, done, ended
from tests.support.dead_letters import bury_all, bury_many, ids_in, reason
from tests.support.queues import count, make_delivery

ARCHIVES = f"{PATH}/archives"
DEAD = "telegram.dead"
CHAT, OTHER = make_delivery(address="4123452"), make_delivery(address="41002")


@pytest.fixture
async def client(gateway_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bury_all(gateway_url, [(CHAT, reason("550")), (OTHER, reason("429", "exhausted"))])
    async with console(gateway_url, state_dir=tmp_path) as client:
        yield client


async def discarded(client: httpx.AsyncClient, **order: Any) -> str:
    """The archive that keeps what was discarded."""
    result = await done(client, await client.post(f"{PATH}/discard", json=order))
    return str(result["archive"])


async def undone(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    return await done(client, await client.post(f"{ARCHIVES}/{name}/undo"))


def file_of(state: Path, name: str) -> Path:
    [file] = state.rglob(f"{name}.jsonl")
    return file


async def test_discard_keeps_the_letters_of_a_group_and_undo_puts_them_back(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    name = await discarded(client, filter={"channel": "telegram", "class": "rejected"})
    assert count(gateway_url, DEAD) == 1
    [kept] = (await client.get(ARCHIVES)).json()["archives"]
    assert (kept["archive"], kept["bytes"] > 0) == (name, True)
    assert kept["until"] > kept["at"]
    download = await client.get(f"{ARCHIVES}/{name}")
    assert [json.loads(line)["id"] for line in download.text.splitlines()] == [CHAT.id]
    assert await undone(client, name) == {
        "imported": 1,
        "already_there": 0,
        "imported_before": 0,
    }
    assert (await undone(client, name))["imported"] == 0
    assert sorted(ids_in(gateway_url)) == sorted([CHAT.id, OTHER.id])


async def test_archive_is_nobody_elses_to_read(client: httpx.AsyncClient, tmp_path: Path) -> None:
    name = await discarded(client, all=True)
    file = file_of(tmp_path, name)
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["..%2f..%2fgateway", "discarded-20260101T000000Z-00000000"])
async def test_what_is_no_archive_is_told(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"{ARCHIVES}/{name}")).status_code == 404
    assert_problem(
        await client.post(f"{ARCHIVES}/discarded-20260101T000000Z-00000000/undo"),
        "archive_not_found",
    )


@pytest.mark.parametrize(
    "order",
    [
        {"all": True, "archive": "one"},
        {"archive": "one", "letters": 1, "sha256": "0", "limit": 5},
        {"archive": "one"},
        {},
        {"ids": [str(number) for number in range(10_001)]},
    ],
)
async def test_unclear_discard_is_refused(
    client: httpx.AsyncClient, gateway_url: str, order: dict[str, Any]
) -> None:
    assert_problem(await client.post(f"{PATH}/discard", json=order), "invalid_request")
    assert count(gateway_url, DEAD) == 2


async def test_archive_goes_when_its_time_is_over(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    name = await discarded(client, all=True)
    await undone(client, name)
    file = file_of(tmp_path, name)
    kept = KeptArchives(Settings(state_dir=tmp_path))
    assert kept.forget_old() == 0
    long_ago = time.time() - 8 * 86_400
    os.utime(file, (long_ago, long_ago))
    assert kept.forget_old() == 1
    assert list(file.parent.iterdir()) == []


async def test_directory_that_cannot_be_written_discards_nothing(
    gateway_url: str, tmp_path: Path
) -> None:
    ids = bury_many(gateway_url, 2)
    (tmp_path / "dead-letters").write_text("a file stands where the directory should be")
    async with console(gateway_url, state_dir=tmp_path) as client:
        job = await ended(client, await client.post(f"{PATH}/discard", json={"all": True}))
    assert job["problem"]["code"] == "dead_letters_refused"
    assert "GATEWAY_STATE_DIR" in job["problem"]["detail"]
    assert ids_in(gateway_url) == ids


async def test_cancelled_discard_is_gone_on_with_into_the_same_archive(
    gateway_url: str, tmp_path: Path
) -> None:
    ids = bury_many(gateway_url, 400)
    async with console(gateway_url, state_dir=tmp_path) as client:
        begun = await client.post(f"{PATH}/discard", json={"ids": ids})
        await client.delete(begun.headers["Location"])
        job = await ended(client, begun)
        assert (job["state"], job["total"]) == ("cancelled", 400)
        rest = await client.post(f"{begun.headers['Location']}/continue")
        name = (await done(client, rest))["archive"]
        assert count(gateway_url, DEAD) == 0
        await undone(client, name)
    assert sorted(ids_in(gateway_url)) == sorted(ids)


async def test_discard_and_undo_are_audited(
    gateway_url: str, database: Database, store_url: str, tmp_path: Path
) -> None:
    bury_all(gateway_url, [(CHAT, reason("550"))])
    async with console(gateway_url, store_url=store_url, state_dir=tmp_path) as client:
        name = await discarded(client, filter={"code": "5*"})
        await undone(client, name)
    with database.reading() as connection:
        imported, gone = read_entries(connection)
    assert (gone.action, gone.details) == (
        "discarded",
        {"number": 1, "code": "5*", "archive": name},
    )
    assert (imported.action, imported.details) == ("imported", {"number": 1, "archive": name})

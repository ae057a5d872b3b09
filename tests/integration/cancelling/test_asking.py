"""The same from a Python service and from the command line."""

import json
from asyncio import to_thread
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from admin.cli import app
from common.envelope import EventType
from gateway_client import AsyncGateway, Gateway, Refused
from store.database import Database
from tests.integration.updates.conftest import Api
from tests.integration.updates.conftest import api as api
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.queues import EventLog
from tests.support.stored import new_deliveries, store


async def test_client_cancels(api: Api, database: Database, gateway_url: str) -> None:
    log = EventLog(gateway_url)
    [one] = new_deliveries()
    store(database, accepted(one))
    async with AsyncGateway(api.url) as gateway:
        found = await gateway.cancel(str(one.notification_id))
        assert found.deliveries[0].cancel_asked_at
        assert found.status == "queued"
        await eventually(lambda: log.types() == ["cancelling"])
        store(database, event(one, EventType.SENT))
        with pytest.raises(Refused) as refused:
            await gateway.cancel(str(one.notification_id))
    assert (refused.value.status, refused.value.code) == (409, "already_final")


async def test_client_without_async_and_the_command_line(api: Api, database: Database) -> None:
    [one], [sent] = new_deliveries(), new_deliveries()
    store(database, accepted(one), accepted(sent), event(sent, EventType.SENT))
    name, other = str(one.notification_id), str(sent.notification_id)

    def ask() -> str:
        with Gateway(api.url) as gateway:
            return gateway.cancel(name).deliveries[0].id

    assert await to_thread(ask) == one.id
    run = CliRunner()
    arguments = ["cancel", name, "--api", api.url]
    result = await to_thread(run.invoke, app, arguments)
    assert (result.exit_code, result.stdout) == (
        0,
        f"{name}: 1 deliveries will end, 0 have ended\n",
    )
    result = await to_thread(run.invoke, app, [*arguments, other, str(uuid4()), "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [bool(one["error"]) for one in found] == [False, True, True]
    assert "nothing of" in found[1]["error"]
    result = await to_thread(run.invoke, app, ["cancel", one.id, "--api", api.url])
    assert result.exit_code != 0

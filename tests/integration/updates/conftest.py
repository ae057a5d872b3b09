"""An API over a store of the test's own: without sockets, or as a process."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from common.settings import Settings
from store.database import Database
from tests.integration.gateway_api.test_api import port_of, quick_start, until_ready
from tests.support.clients.api_client import api as without_sockets
from tests.support.processes.quick import QuickProcess


@pytest.fixture
def settings(store_url: str) -> Settings:
    return Settings(database_url=SecretStr(store_url))


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with without_sockets(settings) as client:
        yield client


class Api:
    """A process of the API over a store and a broker, and a client of it."""

    def __init__(self, process: Process | QuickProcess, client: httpx.AsyncClient) -> None:
        self.process, self.client = process, client

    @classmethod
    async def started(cls, amqp_url: str, store_url: str, **settings: str) -> "Api":
        process = await quick_start(amqp_url, GATEWAY_DATABASE_URL=store_url, **settings)
        base_url = f"http://127.0.0.1:{await port_of(process)}"
        started = cls(process, httpx.AsyncClient(base_url=base_url, timeout=30))
        await until_ready(started.client)
        return started

    @property
    def url(self) -> str:
        return str(self.client.base_url).rstrip("/")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()
        await self.client.aclose()


@pytest.fixture
async def api(gateway_url: str, store_url: str, database: Database) -> AsyncIterator[Api]:
    running = await Api.started(gateway_url, store_url)
    yield running
    await running.kill()

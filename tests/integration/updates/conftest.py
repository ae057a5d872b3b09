"""An API without sockets over a store of the test's own."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from common.settings import Settings
from store.database import Database
from tests.support.clients.api_client import api


@pytest.fixture
def settings(store_url: str) -> Settings:
    return Settings(database_url=SecretStr(store_url))


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with api(settings) as client:
        yield client

"""The console's gate over a store, and a browser before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp

from common.settings import Settings
from console.people.people import People
from console.people.person import Role
from store.database import Database
from tests.support.clients.browsers import Browser, gated, made_user

KEY = "a-key-of-the-console"


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(store_url: str) -> Settings:
    return Settings(database_url=SecretStr(store_url), console_key=SecretStr(KEY))


@pytest.fixture
def people(settings: Settings, database: Database, clock: Clock) -> People:
    """Two users are in the store: ada, an operator, and bob, a viewer."""
    made_user(database, "ada", Role.OPERATOR)
    made_user(database, "bob")
    return People(settings, clock)


@pytest.fixture
async def app(settings: Settings, people: People) -> AsyncIterator[ASGIApp]:
    async with gated(settings, people) as app:
        yield app


@pytest.fixture
async def browser(app: ASGIApp) -> AsyncIterator[Browser]:
    async with Browser(app) as browser:
        yield browser


@pytest.fixture
def nowhere(tmp_path: Path) -> Settings:
    """Settings whose store is away."""
    url = SecretStr(f"sqlite:///{tmp_path / 'nowhere' / 'gateway.db'}")
    return Settings(database_url=url, console_key=SecretStr(KEY))

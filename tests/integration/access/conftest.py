"""Two keys and what each has sent, in a store."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from broker_topology.facts import Fact
from common.envelope import TEST_VERSION, EventType
from common.settings import Settings
from common.times import utc_now
from store.access.key_form import Mode
from store.database import Database
from tests.support.clients.keys import Key, made_key
from tests.support.happenings import accepted, event
from tests.support.stored import new_deliveries, store


@pytest.fixture
def settings(store_url: str) -> Settings:
    return Settings(database_url=SecretStr(store_url))


@dataclass(frozen=True)
class Owner:
    """A key, and the id of the one notification that it sent."""

    key: Key
    notification: str


def send(database: Database, owner: str | None, version: int = 1) -> tuple[str, Sequence[Fact]]:
    """Have a notification in the store, sent by this key."""
    [one] = new_deliveries(owner=owner, v=version, tags=["orders"], accepted_at=utc_now())
    facts = (accepted(one), event(one, EventType.SENT, at=utc_now()))
    store(database, *facts)
    return str(one.notification_id), facts


def owner(database: Database, mode: Mode = Mode.LIVE) -> Owner:
    """A key that has sent one notification."""
    key = made_key(database, mode=mode)
    notification, _ = send(database, key.id, TEST_VERSION if mode is Mode.TEST else 1)
    return Owner(key, notification)


@pytest.fixture
def ada(database: Database) -> Owner:
    return owner(database)


@pytest.fixture
def eve(database: Database) -> Owner:
    return owner(database)


@pytest.fixture
def tester(database: Database) -> Owner:
    return owner(database, Mode.TEST)

"""A large store of each kind, a long queue of dead letters, and a console on them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from broker_topology.apply import apply
from console.people.person import Role
from deploy.local.node import Node
from store import tables
from store.database import Database
from store.schema import upgrade
from tests.benchmarks.rig.history import make_history
from tests.support.clients.browsers import made_user
from tests.support.dead_letters import bury_many
from tests.support.processes.consoles import Console, running_console
from tests.support.processes.postgresql import Postgresql

NOTIFICATIONS = 1_000_000
LETTERS = 100_000
ADMIN = "ada"


@dataclass(frozen=True)
class Size:
    """What is there. url: of the console; one: the id of a notification; letter: of a letter."""

    console: Console
    url: str
    store_url: str
    one: str
    letter: str


@pytest.fixture(scope="package")
def letters(broker: Node) -> Iterator[tuple[str, str]]:
    """The URL of a broker with so many, and the id of one in their midst."""
    url = broker.add_vhost("size")
    apply(url)
    ids = bury_many(url, LETTERS, ("403", "429", "550 5.1.1"))
    yield url, ids[LETTERS // 2]
    broker.delete_vhost("size")


@pytest.fixture(scope="package", params=["postgresql", "sqlite"])
def large_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A store with so many notifications, and an administrator."""
    file = tmp_path_factory.mktemp("large") / "gateway.db"
    server: Postgresql | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
    url = f"sqlite:///{file}" if server is None else server.new_database()
    upgrade(url)
    with ThreadPoolExecutor(1) as filling:  # the database works, and so may the broker
        filled = filling.submit(make_history, url, NOTIFICATIONS)
        request.getfixturevalue("letters")
        filled.result()
    database = Database(url)
    made_user(database, ADMIN, Role.ADMIN)
    database.close()
    yield url
    if server is None:
        file.unlink()
    else:
        server.drop(url)


@pytest.fixture
def size(broker: Node, letters: tuple[str, str], large_url: str, tmp_path: Path) -> Iterator[Size]:
    """A console that has just started."""
    amqp_url, letter = letters
    more = {
        "GATEWAY_MANAGEMENT_URL": broker.management_url,
        "GATEWAY_DATABASE_URL": large_url,
        "GATEWAY_STATE_DIR": str(tmp_path),
    }
    with running_console(amqp_url, **more) as console:
        url = str(console.client.base_url).rstrip("/")
        yield Size(console, url, large_url, _one_of(large_url), letter)


def _one_of(url: str) -> str:
    table = tables.notifications.c
    database = Database(url)
    with database.reading() as connection:
        newest = select(table.id).order_by(table.accepted_at_ms.desc()).limit(1)
        found = connection.execute(newest).scalar_one()
    database.close()
    return str(found)

"""Fixtures that everybody uses: one private broker for the run, a virtual host for each test."""

import itertools
import os
import signal
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import uvloop

from broker_topology.apply import apply
from deploy.local.node import Node
from store.database import Database
from store.schema import upgrade
from tests.support.forecast import Forecast
from tests.support.postgresql import Postgresql
from tests.support.queues import look_no_more

_numbers = itertools.count(1)
hypothesis.settings.register_profile("gateway", deadline=None)  # a busy machine fails no test
hypothesis.settings.load_profile("gateway")


def pytest_configure(config: pytest.Config) -> None:
    """Who waits for the tests is told how long, and can interrupt them."""
    # A shell starts what runs in the background deaf to Ctrl-C; what tests start must hear it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Forecast(config))


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """What runs in a test's own process runs on the event loop that the processes have."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def _no_foreign_settings() -> None:
    """Tests say what they set; the settings of whoever runs them have no say."""
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        del os.environ[variable]


@pytest.fixture(autouse=True)
def _looks() -> Iterator[None]:
    """What a test looked at queues with ends with it."""
    yield
    look_no_more()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The private RabbitMQ node of this run; who stops, kills or alarms it restores it."""
    with Node.create(tmp_path_factory.mktemp("broker")) as node:
        yield node


@pytest.fixture
def vhost_url(broker: Node) -> Iterator[str]:
    """The AMQP URL of an empty virtual host of this test's own."""
    vhost = f"test-{next(_numbers)}"
    yield broker.add_vhost(vhost)
    broker.delete_vhost(vhost)


@pytest.fixture
def gateway_url(vhost_url: str) -> str:
    """The AMQP URL of a virtual host with the gateway's topology."""
    apply(vhost_url)
    return vhost_url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """The private PostgreSQL server of this run; who stops it starts it again."""
    with Postgresql.running() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: Postgresql) -> Iterator[str]:
    """The URL of an empty database of PostgreSQL's, of this test's own."""
    url = postgresql.new_database()
    yield url
    postgresql.drop(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file of SQLite's that is not there yet, of this test's own."""
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables: each test runs on both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """An empty store of this test's own."""
    upgrade(store_url)
    database = Database(store_url)
    yield database
    database.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a machine lacks may skip a test there; in CI nothing is skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, which in CI is a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

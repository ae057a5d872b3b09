"""Fixtures that everybody uses: one private broker and one browser for the run."""

import os
import signal
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
import pytest_timeout
import uvloop
from playwright.async_api import Browser, async_playwright, expect

from common.watching import redaction
from deploy.local.node import Node
from store.database import Database
from store.schema import upgrade
from tests.support.browsing.chromium import find_chromium, running_chromium
from tests.support.forecast import Forecast
from tests.support.polling import WAIT_S
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import look_no_more
from tests.support.vhosts import Vhosts

hypothesis.settings.register_profile(  # a busy machine fails no test
    "gateway", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("gateway")


def pytest_configure(config: pytest.Config) -> None:
    """Who waits for the tests is told how long, and can interrupt them."""
    # A shell starts what runs in the background deaf to Ctrl-C; what tests start must hear it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        _stay_on_one_cpu(int(config.workerinput["workerid"].removeprefix("gw")))
    else:
        config.pluginmanager.register(Forecast(config))


def _stay_on_one_cpu(worker: int) -> None:
    """Share the CPUs out among the processes of this run, each with all that it starts.

    On a virtual machine to wake another CPU is dear: a broker that stays on one starts in half the
    time, and takes two thirds of the work.
    """
    if hasattr(os, "sched_setaffinity"):  # Linux
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[worker % len(cpus)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for other processes may be late once; a proof that failed has failed."""
    for item in items:
        if "integration" not in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=0))


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """How a failed test ends has a time limit too: pytest-timeout lifts it, for debuggers."""
    if isinstance(node, pytest.Item) and not node.config.getoption("usepdb"):
        node.ihook.pytest_timeout_set_timer(
            item=node, settings=pytest_timeout._get_item_settings(node)
        )


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


@pytest.fixture(scope="module", autouse=True)
def _secrets_of_a_file() -> Iterator[None]:
    """What commands that a file's tests ran in this process had to hide is no word of others."""
    with _same_secrets_afterwards():
        yield


@pytest.fixture(autouse=True)
def _secrets_of_a_test() -> Iterator[None]:
    """The same of each test."""
    with _same_secrets_afterwards():
        yield


@contextmanager
def _same_secrets_afterwards() -> Iterator[None]:
    before = redaction._process
    yield
    redaction._process = before


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The private RabbitMQ node of this run; who stops, kills or alarms it restores it."""
    with Node.create(tmp_path_factory.mktemp("broker")) as node:
        yield node


@pytest.fixture(scope="session")
def vhosts(broker: Node) -> Vhosts:
    """The virtual hosts of this run's node."""
    return Vhosts(broker)


@pytest.fixture
def vhost_url(vhosts: Vhosts) -> Iterator[str]:
    """The AMQP URL of an empty virtual host of this test's own."""
    with vhosts.empty() as url:
        yield url


@pytest.fixture
def gateway_url(vhosts: Vhosts) -> Iterator[str]:
    """The AMQP URL of a virtual host with the gateway's topology and no message, for this test."""
    with vhosts.with_topology() as url:
        yield url


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


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the browser of this run is debugged."""
    if (program := find_chromium()) is None:
        pytest.skip("there is no Chromium: ./gateway test installs it")
    with running_chromium(program, tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """That browser, for tests on the loop of the session: `asyncio(loop_scope="session")`."""
    expect.set_options(timeout=WAIT_S * 1000)
    async with async_playwright() as playwright:
        yield await playwright.chromium.connect_over_cdp(chromium)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a machine lacks may skip a test there; in CI nothing is skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, which in CI is a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

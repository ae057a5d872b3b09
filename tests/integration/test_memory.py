"""What the shipped commands hold in memory once they are ready: the figures of the docs."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pika
import pytest
from sqlalchemy import func, select

from deploy.local.node import free_port
from deploy.local.stack import plain_environment, sandbox_settings
from store import tables
from store.database import Database
from store.schema import upgrade
from tests.support.polling import until
from tests.support.queues import amqp_channel
from tests.support.stored import new_deliveries

PERSISTENT = pika.BasicProperties(delivery_mode=2)
GATEWAY = Path(sys.executable).with_name("gateway")  # as containers and units start it


@pytest.fixture
def as_installed(tmp_path: Path) -> dict[str, str]:
    """Hide packages that the tests bring along and libraries load wherever they find them."""
    for name in ("cryptography", "greenlet"):
        refusal = 'raise ModuleNotFoundError("only the tests need it")\n'
        (tmp_path / f"{name}.py").write_text(refusal)
    return {"PYTHONPATH": str(tmp_path)}


_PORTS = {"api": "GATEWAY_API_PORT", "console": "GATEWAY_CONSOLE_PORT"}


@contextmanager
def ready(
    words: list[str], amqp_url: str, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """One process of the gateway that answers that it is ready."""
    port = str(free_port())
    environment = plain_environment() | {
        **settings,
        "GATEWAY_AMQP_URL": amqp_url,
        _PORTS.get(words[0], "GATEWAY_METRICS_PORT"): port,
        "GATEWAY_ENV_FILE": "/dev/null",
    }
    with subprocess.Popen([GATEWAY, *words], env=environment) as process:
        try:
            until(lambda: process.poll() is not None or is_ready(port))
            yield process
        finally:
            process.terminate()
    assert process.returncode == 0


def is_ready(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("words", "most_mb"),
    [
        (["sender", "email"], 57),
        (["sender", "telegram"], 70),
        (["sender", "vk"], 70),
        (["sender", "webhook"], 60),
        (["api"], 87),
        (["console"], 125),
        (["journal"], 90),
    ],
    ids=["email", "telegram", "vk", "webhook", "api", "console", "journal"],
)
def test_ready_process_stays_within_its_memory(
    gateway_url: str, as_installed: dict[str, str], sqlite_url: str, words: list[str], most_mb: int
) -> None:
    settings = sandbox_settings(free_port(), free_port()) | as_installed
    settings |= {"GATEWAY_DATABASE_URL": sqlite_url}
    upgrade(sqlite_url)
    with ready(words, gateway_url, settings) as process:
        # What the start alone took is given back a moment after it is ready.
        until(lambda: held_mb(process, "VmRSS") <= most_mb, what=f"more than {most_mb} MB")


def test_journal_that_is_far_behind_large_contents_stays_within_its_limit(
    gateway_url: str, sqlite_url: str
) -> None:
    """What deploy/ gives it: with 400 in hand it took 620 MB, and was killed for ever."""
    upgrade(sqlite_url)
    large = [one for _ in range(400) for one in new_deliveries(text="." * 1_000_000)]
    with amqp_channel(gateway_url) as channel:
        for one in large:
            channel.basic_publish("notifications", one.routing_key, one.encode(), PERSISTENT)
    settings = {"GATEWAY_DATABASE_URL": sqlite_url}
    with ready(["journal"], gateway_url, settings) as process:
        until(lambda: stored(sqlite_url) == len(large), 60)
        assert held_mb(process, "VmHWM") <= 256


def held_mb(process: subprocess.Popen[bytes], name: str) -> float:
    """`VmRSS`: what it holds now; `VmHWM`: the most that it ever held."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [kb] = re.findall(rf"{name}:\s+(\d+) kB", status)
    return int(kb) / 1024


def stored(url: str) -> int:
    """How many contents the store has."""
    with closing(Database(url)) as database, database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.contents)) or 0

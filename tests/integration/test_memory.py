"""What the shipped commands hold in memory once they are ready: the figures of the docs."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.node import free_port
from deploy.local.stack import plain_environment, sandbox_settings
from store.schema import upgrade
from tests.support.polling import until

GATEWAY = Path(sys.executable).with_name("gateway")  # as containers and units start it


@pytest.fixture
def as_installed(tmp_path: Path) -> dict[str, str]:
    """Hide a package that the tests bring along and a library loads wherever it finds it."""
    (tmp_path / "cryptography.py").write_text(
        'raise ModuleNotFoundError("only the tests need it")\n'
    )
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
        (["sender", "email"], 55),
        (["sender", "telegram"], 70),
        (["sender", "vk"], 70),
        (["api"], 85),
        (["console"], 75),
        (["journal"], 90),
    ],
    ids=["email", "telegram", "vk", "api", "console", "journal"],
)
def test_ready_process_stays_within_its_memory(
    gateway_url: str, as_installed: dict[str, str], sqlite_url: str, words: list[str], most_mb: int
) -> None:
    settings = sandbox_settings(free_port(), free_port()) | as_installed
    settings |= {"GATEWAY_DATABASE_URL": sqlite_url}
    upgrade(sqlite_url)
    with ready(words, gateway_url, settings) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
    [resident_kb] = re.findall(r"VmRSS:\s+(\d+) kB", status)
    assert int(resident_kb) / 1024 <= most_mb

"""A test that fails is told, and holds up no other: whatever it leaves open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from admin.checks import IN_SEVERAL
from tests.integration.gateway_api.test_api_workers import is_running
from tests.support.polling import until

ROOT = Path(__file__).resolve().parents[2]
AGAIN = IN_SEVERAL[IN_SEVERAL.index("--reruns") :]
IMPORTS = """
import asyncio
import os
import socket
import time

import pytest

from tests.support.processes.quick import QuickProcess

"""
OPEN = """
async def test_open():
    ours, theirs = socket.socketpair()
    keep.append((theirs, *await asyncio.open_connection(sock=ours)))
    raise AssertionError("mine")

keep = []
"""
HANGING = """
@pytest.fixture
def hanging():
    yield
    time.sleep(100)

@pytest.mark.timeout(1)
def test_hanging(hanging):
    raise AssertionError("mine")
"""
ONCE = """
def test_once(tmp_path_factory):
    seen = tmp_path_factory.getbasetemp() / "seen"
    if not seen.exists():
        seen.touch()
        raise AssertionError("mine")
"""
LEAVING = """
async def test_leaving(tmp_path):
    process = await QuickProcess.started("gateway_api", tmp_path, dict(os.environ))
    print(f"started={process.pid}")
    raise AssertionError("mine")
"""


def pytest_of(folder: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of a file with this code, with our settings."""
    (folder / "test_it.py").write_text(IMPORTS + code)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)),
            *(f"--basetemp={folder / 'temp'}", *words, str(folder / "test_it.py")),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_left_open_holds_up_nothing(tmp_path: Path) -> None:
    done = pytest_of(tmp_path, OPEN)
    assert (done.returncode, "AssertionError: mine" in done.stdout) == (1, True), done


def test_how_it_ends_has_a_time_limit(tmp_path: Path) -> None:
    done = pytest_of(tmp_path, HANGING)
    assert (done.returncode, "+ Timeout +" in done.stdout) == (1, True), done
    assert "time.sleep(100)" in done.stdout


def test_process_that_is_left_ends_with_the_run(tmp_path: Path) -> None:
    done = pytest_of(tmp_path, LEAVING)
    started = int(done.stdout.rpartition("started=")[2].split()[0])
    until(lambda: not is_running(started), what="it lives on")


@pytest.mark.parametrize(
    ("folder", "code", "said"),
    [("integration", 0, "1 passed, 1 rerun"), ("chaos", 1, "1 failed")],
)
def test_late_one_is_tried_again_and_told_but_no_proof_is(
    tmp_path: Path, folder: str, code: int, said: str
) -> None:
    (tmp_path / folder).mkdir()
    done = pytest_of(tmp_path / folder, ONCE, *AGAIN)
    assert (done.returncode, said in done.stdout) == (code, True), done
    assert "AssertionError: mine" in done.stdout

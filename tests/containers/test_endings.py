"""However a run of these tests ends, nothing that it started is left: a run within this run."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.places import ROOT, RUN
from tests.support.polling import until

STATE = RUN / "within"


def run_within(*words: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"CONTAINER_TESTS_STATE": str(STATE)}
    command = [sys.executable, "-m", "tests.containers", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def processes() -> set[str]:
    """Names of the processes of a run within this one, known by what their environment says."""
    found = set()
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(STATE).encode() in (directory / "environ").read_bytes():
                found.add((directory / "comm").read_text().strip())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_run_leaves_no_process_mount_or_file(
    number: signal.Signals,
) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    with run_within("-k", "every_service_becomes_healthy") as run:
        until(lambda: {"dockerd", "containerd", "slirp4netns"} <= processes(), 60)
        run.send_signal(number)
    until(lambda: not processes(), 20)
    assert Path("/proc/self/mounts").read_text() == mounts
    if number == signal.SIGKILL:
        with run_within("--collect-only"):  # the next run removes what a killed one could not
            pass
    else:
        assert run.returncode == 128 + number
    assert not (STATE / "run").exists()

"""`gateway test --containers` says what it needs, and its tests run nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=os.environ | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_it_needs_is_said_in_one_line(tmp_path: Path) -> None:
    done = run("tests.containers", PATH=str(tmp_path), CONTAINER_TESTS_STATE=str(tmp_path))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("gateway: `test --containers` ")
    assert not list(tmp_path.iterdir())


def test_its_tests_are_collected_only_where_it_runs_them() -> None:
    # Not skipped: elsewhere they are no tests at all.
    words = ("pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", "tests/containers")
    assert "no tests collected" in run(*words).stdout
    within = run(*words, GATEWAY_TEST_CONTAINERS="yes").stdout
    assert "tests/containers/test_running.py::test_what_is_posted_reaches_every_provider" in within

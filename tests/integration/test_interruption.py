"""The tests themselves: started by a parent that is deaf to Ctrl-C, and ended by one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.support.processes.working import DEAF, working_for

ROOT = Path(__file__).resolve().parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]
PYTEST += [str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}"]


def test_tests_of_ctrl_c_pass_under_a_parent_that_ignores_it(tmp_path: Path) -> None:
    test = "wrapper/test_wrapper.py::test_ctrl_c_leaves_nothing_and_the_next_run_repairs"
    done = subprocess.run(
        [*DEAF, *PYTEST, ROOT / "tests" / "integration" / test],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "processes", [pytest.param([], marks=pytest.mark.long), ["-n", "2"]], ids=["one", "several"]
)
def test_interrupted_tests_leave_no_broker_and_no_port_mapper(
    tmp_path: Path, processes: list[str]
) -> None:
    tests = ROOT / "tests" / "integration" / "test_memory.py"
    with (tmp_path / "output").open("wb") as sink:
        command = [*DEAF, *PYTEST, *processes, str(tests)]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=sink, stderr=sink)
    try:
        until(lambda: any("rabbit boot" in line for line in working_for(tmp_path)), 200)
        assert any(line.startswith("/") and "epmd -addr" in line for line in working_for(tmp_path))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 2, (tmp_path / "output").read_text()
    finally:
        process.kill()
        process.wait()
    until(lambda: not working_for(tmp_path))

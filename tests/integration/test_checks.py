"""`gateway test` holds a change to its form before it runs a test, and says how long it takes."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = '''"""The forecast alone."""

import pytest

from tests.support.forecast import Forecast


def pytest_configure(config: pytest.Config) -> None:
    """As the tests of the gateway have it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Forecast(config))
'''
TEST = '''"""One test."""


def test_nothing() -> None:
    """It passes."""
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project with one test, and with mypy looking at the file `added.py` alone, for speed."""
    for package in (
        "admin",
        "broker_topology",
        "common",
        "console",
        "deploy",
        "gateway_api",
        "gateway_client",
        "journal",
        "senders",
        "store",
    ):
        shutil.copytree(ROOT / package, tmp_path / package)
    settings = (ROOT / "pyproject.toml").read_text()
    narrowed, count = re.subn(r"(?m)^files = .*$", 'files = ["added.py"]', settings)
    assert count == 1
    (tmp_path / "pyproject.toml").write_text(narrowed)
    tests = tmp_path / "tests"
    support = tests / "support"
    (tests / "unit").mkdir(parents=True)
    support.mkdir()
    for folder in (tests, support):
        (folder / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "support" / "forecast.py", support)
    (tests / "conftest.py").write_text(CONFTEST)
    (tests / "unit" / "test_docs.py").write_text(TEST)
    (tmp_path / "added.py").write_text('"""Nothing."""\n')
    return tmp_path


@pytest.fixture(autouse=True, scope="module")
def _known_types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What mypy has learnt of the libraries it knows in the next test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


def gateway_test(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "admin", "test", *words],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_all_checks_come_first_and_then_all_tests_with_their_time(checkout: Path) -> None:
    done = gateway_test(checkout)
    assert done.returncode == 0, done
    assert done.stderr.startswith("First ruff, mypy and the documents")
    assert re.search(
        r"All checks passed.*already formatted.*no issues found.*1 passed"
        r".*\nTests: 1, about 1 s.*slowest 10 durations.*1 passed",
        done.stdout,
        re.DOTALL,
    )


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ('"""Twice."""\n\n\ndef twice(number):\n    return number * 2\n', "mypy"),
        ('"""Both."""\nimport os\n', "ruff check, ruff format"),
    ],
)
def test_change_out_of_form_is_told_before_any_test(checkout: Path, code: str, failed: str) -> None:
    (checkout / "added.py").write_text(code)
    done = gateway_test(checkout)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"gateway: {failed} failed: mend what is said")
    assert "slowest" not in done.stdout


@pytest.mark.parametrize("words", [["tests/unit/test_docs.py::test_nothing"], ["-k", "nothing"]])
def test_some_tests_alone_are_run_at_once(checkout: Path, words: list[str]) -> None:
    (checkout / "added.py").write_text("import os\n")
    done = gateway_test(checkout, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout


def test_options_that_select_nothing_leave_the_checks_in(checkout: Path) -> None:
    (checkout / "added.py").write_text("import os\n")
    assert gateway_test(checkout, "-x", "--maxfail", "2").returncode == 1


def test_time_is_guessed_once_and_then_known(checkout: Path) -> None:
    first, second = (gateway_test(checkout, "tests").stdout for _ in range(2))
    assert "Tests: 1, about 1 s (1 of them guessed: not run here yet)\n" in first
    assert "Tests: 1, about 1 s\n" in second

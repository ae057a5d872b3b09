"""The running API does as its OpenAPI document says, whatever it is asked.

Streams are read until their first event, long-polls wait for a second at most (`fuzz.toml`); a
WebSocket is no operation of OpenAPI, and has its own tests.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT, run

import pytest

from deploy.local.node import Node
from store.access.key_form import Mode
from tests.support import fuzz_hooks
from tests.support.clients.keys import made_key
from tests.support.processes.telling import Telling, telling

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = Path(fuzz_hooks.__file__).with_name("fuzz.toml")

_numbers = itertools.count(1)


@pytest.fixture
def told(broker: Node, tmp_path: Path, store_url: str) -> Iterator[Telling]:
    with telling(broker, tmp_path, f"fuzz-{next(_numbers)}", store_url) as running:
        yield running


def fuzz(told: Telling, mode: Mode, directory: Path, *words: str) -> None:
    """Have schemathesis ask all that the document names, with a key of this mode."""
    key = made_key(told.database, mode=mode)
    done = run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run"),
            *(f"{told.api.base_url}/openapi.json", "--phases", "examples,coverage,fuzzing"),
            *("--header", f"Authorization: Bearer {key.text}", "--seed", "1"),
            *("--no-color", "--continue-on-failure", "--warnings", "off", *words),
        ],
        cwd=directory,  # it keeps files there
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert f"Tested: {operations(told)}" in done.stdout


def operations(told: Telling) -> int:
    """How many the document has."""
    paths = told.api.get("/openapi.json").json()["paths"]
    return sum(len(methods) for methods in paths.values())


@pytest.mark.parametrize(
    ("store_url", "mode"),
    [("sqlite", Mode.LIVE), pytest.param("postgresql", Mode.TEST, marks=pytest.mark.long)],
    indirect=["store_url"],
)
def test_every_answer_is_as_documented_and_none_is_a_fault(
    told: Telling, mode: Mode, tmp_path: Path
) -> None:
    fuzz(told, mode, tmp_path, "--max-examples", "8", "--no-shrink")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.TEST])
def test_the_same_asked_for_long(told: Telling, mode: Mode, tmp_path: Path) -> None:
    fuzz(told, mode, tmp_path, "--max-examples", "300")

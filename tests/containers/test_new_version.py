"""A new version under load, as docs/deployment.md says: a new image for every process."""

import time
from pathlib import Path

import pytest

from tests.containers.places import ROOT
from tests.containers.stack import FILE, IMAGE, OURS, REFUSALS, Stack, document_commands, shell
from tests.support.clients.load import Load
from tests.support.polling import until

NEW_IMAGE = "message-gateway:99.0.0"


@pytest.fixture
def new_version() -> None:
    """Change the checkout as a pull of a later version does."""
    replace(ROOT / FILE, f"image: {IMAGE}\n", f"image: {NEW_IMAGE}\n")
    replace(ROOT / "pyproject.toml", f'version = "{IMAGE.split(":")[1]}"', 'version = "99.0.0"')


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_new_version_takes_over_under_load_and_nothing_is_lost(
    stack: Stack, new_version: None
) -> None:
    broker = stack.containers("broker")
    with Load(stack) as load:
        until(lambda: len(load.accepted) >= 100)
        _, _, upgrade = document_commands()
        shell(upgrade)
        began = time.monotonic()
        load.outage_s(began)
    stack.await_arrival(load)
    assert load.codes <= REFUSALS
    assert {stack.inspect(service)["Config"]["Image"] for service in OURS} == {NEW_IMAGE}
    assert stack.containers("broker") == broker
    assert "99.0.0" in stack.run("api", "gateway", "--version").stdout

"""What the README tells a newcomer to type works as it stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from admin.cli import app
from deploy.local.node import Node
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.readme import README, curl_commands, run_curl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def test_curl_lines_run_as_they_stand(gateway: Gateway) -> None:
    commands = curl_commands()
    assert len(commands) == 2
    for command in commands:
        assert '"status":"queued"' in run_curl(command, str(gateway.api.base_url))
    until(lambda: gateway.inbox(recipient="ada@example.com"))
    until(lambda: len(gateway.inbox(recipient="42")) == 2)
    until(lambda: gateway.inbox(recipient="123"))


def test_opens_with_the_two_commands() -> None:
    first_block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first_block
    commands = [line.split("#")[0].strip() for line in first_block[1].strip().splitlines()]
    assert commands == ["./gateway demo", "./gateway test"]
    assert f"exec {commands[1]}" in (ROOT / ".ci" / "run").read_text()


def test_table_of_commands_names_real_ones() -> None:
    group = typer.main.get_command(app)
    known = set(getattr(group, "commands", {}))
    named = re.findall(r"^\| `\./gateway (\w+)", README, re.MULTILINE)
    assert set(named) <= known
    assert len(named) >= 8


def test_every_linked_page_exists() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

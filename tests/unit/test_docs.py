"""Every command line and setting that the documents name is one that exists."""

import re
import shlex
from pathlib import Path

import pytest

from common.settings import KNOWN_ELSEWHERE, Settings
from tests.unit.deployments import parse_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WRAPPER_ONLY = {"test"}  # passes on what it does not know to pytest


def commands(page: Path) -> list[str]:
    """The `./gateway …` lines of a page's shell blocks, continuation lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [found[1] for line in lines if (found := re.search(r"\./gateway (.*)", line))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_parse(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line, comments=True)
        for separator in ("|", ">", "<", "&&"):
            words = words[: words.index(separator)] if separator in words else words
        if words[0] not in WRAPPER_ONLY:
            parse_command(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_settings_exist(page: Path) -> None:
    known = {f"GATEWAY_{name.upper()}" for name in Settings.model_fields} | KNOWN_ELSEWHERE
    known |= {f"{name}_FILE" for name in known}
    named = set(re.findall(r"GATEWAY_[A-Z_]+[A-Z]", page.read_text()))
    assert named - known == set()


def test_operations_guide_is_read() -> None:
    assert len(commands(ROOT / "docs" / "operations.md")) > 10

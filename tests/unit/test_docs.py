"""Every command line and setting that the documents name is one that exists."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from common.settings import Settings
from common.settings.misspelt import KNOWN_ELSEWHERE
from tests.support.deployments import parse_command

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "README.ru.md"]
PAGES = [*READMES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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


def test_wrong_command_and_setting_in_a_page_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\n./gateway send \\\n  --nonsense\n```\nGATEWAY_NONSENSE\n")
    with pytest.raises(Exception, match="nonsense"):
        test_documented_commands_parse(page)
    with pytest.raises(AssertionError, match="GATEWAY_NONSENSE"):
        test_documented_settings_exist(page)


def code(page: Path) -> list[str]:
    """A page's code blocks without their comments, and the code in its tables' first column."""
    text = page.read_text()
    blocks = re.findall(r"```\w*\n.*?```", text, re.DOTALL)
    rows = re.findall(r"(?m)^\| (`.*?`) \|", text)
    return [re.sub(r"(?m) +# .*$", "", block) for block in blocks] + rows


def test_every_secret_setting_is_in_the_page_about_secrets() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    missing = [
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
        and f"| `GATEWAY_{name.upper()}`" not in page
        and f", `GATEWAY_{name.upper()}`" not in page
    ]
    assert missing == []


def test_both_readmes_say_the_same_commands() -> None:
    english, russian = (code(page) for page in READMES)
    assert english == russian
    assert "`./gateway up`" in english


def test_both_readmes_have_the_same_sections_and_links() -> None:
    english, russian = (page.read_text() for page in READMES)
    assert len(re.findall(r"(?m)^## ", english)) == len(re.findall(r"(?m)^## ", russian))
    links = [re.findall(r"\]\((docs/.*?|LICENSE)\)", text) for text in (english, russian)]
    assert links[0] == links[1]

"""The texts of the inbox's pages: both languages, none missing, none left over."""

import re
from pathlib import Path
from string import Formatter

import pytest

import deploy.sandbox.pages as pages
from deploy.sandbox.email import checks
from deploy.sandbox.inbox.search import VALUES
from deploy.sandbox.pages.catalogue import CATALOGUE
from deploy.sandbox.pages.texts import choose_language

HERE = Path(pages.__file__).parent
SAID = "".join(file.read_text() for file in HERE.rglob("*.py") if file.name != "catalogue.py")


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_text_says_the_same_values_in_both_languages(name: str) -> None:
    english, russian = CATALOGUE[name]
    assert english.strip()
    assert russian.strip()
    fields = [{part[1] for part in Formatter().parse(one)} - {None} for one in CATALOGUE[name]]
    assert fields[0] == fields[1]


def test_each_text_is_said_and_each_that_is_said_is_there() -> None:
    literal = set(re.findall(r"""["']((?:[a-z_]+\.)[a-z_.]+)["']""", SAID))
    made = tuple(re.findall(r'f"([a-z_.]+\.)\{', SAID))
    said = {name for name in CATALOGUE if name in literal or name.startswith(made)}
    assert said == set(CATALOGUE)
    prefixes = {name.partition(".")[0] for name in CATALOGUE}
    known = {name for name in literal if name.partition(".")[0] in prefixes}
    files = {name for name in known if name.endswith((".css", ".js"))}
    assert known - files <= set(CATALOGUE)


def test_each_finding_and_each_field_of_a_search_has_its_sentence() -> None:
    source = Path(checks.__file__).read_text()
    named = set(re.findall(r'Finding\(\s*"(\w+)"', source)) | {"no_unsubscribe"}
    named |= {f"no_{name.replace('-', '_')}" for name in ("from", "date", "message-id", "to")}
    assert {f"check.{name}" for name in named} <= set(CATALOGUE)
    assert len(named) > 15
    for field, values in VALUES.items():
        known = [f"search.{field}.{one}" for one in values or ()] if field != "channel" else []
        assert {*known} <= set(CATALOGUE)
        assert known or f"search.{field}" in CATALOGUE


CHOSEN = [
    ("", "", "", "en"),
    ("", "", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
    ("", "", "de-DE,en;q=0.8,ru;q=0.7", "en"),
    ("", "ru", "en", "ru"),
    ("en", "ru", "ru", "en"),
    ("x", "<y>", "*", "en"),
]


@pytest.mark.parametrize(("chosen", "kept", "accepted", "language"), CHOSEN)
def test_language_is_the_chosen_one_or_the_browsers(
    chosen: str, kept: str, accepted: str, language: str
) -> None:
    assert choose_language(chosen, kept, accepted) == language

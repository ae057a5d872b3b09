"""The texts about signing in: both languages, all that the code asks for, and nothing beside."""

import re
from pathlib import Path

import pytest

from console.people.entry import Why
from console.people.texts import LANGUAGES, TEXTS, language_of, text

PEOPLE = Path(__file__).resolve().parents[4] / "console" / "people"


def test_both_languages_say_the_same_with_the_same_values() -> None:
    for key, said in TEXTS.items():
        assert len(said) == len(LANGUAGES)
        assert all(said), key
        english, russian = (set(re.findall(r"{\w+}", one)) for one in said)
        assert english >= russian or english == russian, key
        assert re.search("[а-я]", said[1].lower()), key


def test_texts_are_those_that_the_code_asks_for() -> None:
    files = [one for one in PEOPLE.rglob("*.py") if one.name != "texts.py"]
    code = "\n".join(one.read_text() for one in files)
    named = {key for key in TEXTS if f'"{key}"' in code or f"'{key}'" in code} | {*Why}
    assert set(TEXTS) - named == set()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-US,en;q=0.9,ru", "en"),
        ("de,fr;q=0.5", "en"),
        ("de, ru;q=0.5, en;q=0.1", "ru"),
        ("", "en"),
        ("\xff" * 5000, "en"),
    ],
)
def test_page_speaks_the_first_of_the_browsers_languages_that_there_is(
    accepted: str, language: str
) -> None:
    assert language_of(accepted) == language
    assert text("enter", language) in ("Sign in", "Войти")

"""The catalogue of the pages' texts."""

import re
import string
from collections.abc import Iterable
from pathlib import Path

import pytest

from common.channels import CHANNELS
from common.envelope import Status
from common.watching import finding
from console.dead_letters.work import DISCARD, IMPORT, REQUEUE
from console.jobs import job
from console.pages.operations.places import PLACES
from console.people.person import Role
from console.texts.catalogue import CATALOGUE, Language, Texts, language_of
from store.access.audit import Action
from store.access.key_form import Mode, Scope
from store.callbacks import endpoints
from store.rows import Overall

ROOT = Path(__file__).resolve().parents[3] / "console"
OWN_TEXTS = {  # which the catalogue of the pages is not: what stands without the pages too
    ROOT / "people" / "texts.py",
    ROOT / "dead_letters" / "reasons.py",
    ROOT / "dead_letters" / "standing.py",
}
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def used() -> set[str]:
    """Every name of a text that stands in the console's code as it is."""
    sources = [
        one.read_text() for one in ROOT.rglob("*.py") if not {"texts", "people"} & {*one.parts}
    ]
    return {name for one in sources for name in re.findall(r'text\("([a-z._]+)"', one)}


def test_every_text_that_is_used_is_there() -> None:
    names = used()
    assert len(names) > 20
    assert names - CATALOGUE.keys() == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("audit.{}", {one.name.lower() for one in Action}),
        ("state.{}", {*Status, *Overall}),
        ("channel.{}", CHANNELS),
        ("dead.job.{}", (REQUEUE, DISCARD, IMPORT)),
        ("dead.job.is.{}", job.State),
        ("endpoint.state.{}", endpoints.State),
        ("check.{}", finding.State),
        ("key.scope.{}", Scope),
        ("key.mode.{}", Mode),
        ("key.mode.{}.what", Mode),
        ("frame.role.{}", {one.name.lower() for one in Role}),
        ("user.role.{}", {one.name.lower() for one in Role}),
        ("{}.what", {one.title for one in PLACES}),
    ],
)
def test_whatever_stands_in_a_name_has_its_text(name: str, words: Iterable[str]) -> None:
    assert {name.format(one) for one in words} - CATALOGUE.keys() == set()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_both_languages_say_the_same_values(name: str) -> None:
    english, russian = CATALOGUE[name]
    assert english
    assert russian
    assert places(english) == places(russian)
    assert not _CYRILLIC.search(english)


def test_no_other_file_speaks_to_people_in_russian() -> None:
    files = [one for one in ROOT.rglob("*.py") if "texts" not in one.parts]
    speaking = {one for one in files if _CYRILLIC.search(one.read_text())}
    assert speaking == {ROOT / "frame" / "preferences.py"} | OWN_TEXTS  # a language's own name


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [
        (1, "1 delivery stands still", "1 доставка стоит"),
        (2, "2 deliveries stand still", "2 доставки стоят"),
        (11, "11 deliveries stand still", "11 доставок стоит"),
        (21, "21 deliveries stand still", "21 доставка стоит"),
        (1204, "1,204 deliveries stand still", "1\u202f204 доставки стоят"),
    ],
)
def test_number_chooses_the_form(n: int, english: str, russian: str) -> None:
    assert Texts(Language.ENGLISH)("concern.stalled", n=n) == english
    assert Texts(Language.RUSSIAN)("concern.stalled", n=n) == russian


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        (None, "de,ru;q=0.5", "ru"),
        ("en", "ru", "en"),
        ("xx", "ru", "ru"),
    ],
)
def test_language_is_the_chosen_one_or_the_browsers(
    cookie: str | None, accepted: str, language: str
) -> None:
    assert language_of(cookie, accepted) == language


def places(text: str) -> set[str]:
    """What is filled into a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}

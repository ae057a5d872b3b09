"""The catalogue: each text under one name, in English and Russian beside each other.

A text with a number has its forms parted by `|`: one and many in English, one, few and many in
Russian. `{n}` is the number as people write it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.texts import (
    dead_letters,
    events,
    frame,
    notification,
    notifications,
    now,
    operations,
    send,
)

Entry = tuple[str, str]

CATALOGUE: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        **frame.TEXTS,
        **now.TEXTS,
        **notifications.TEXTS,
        **notification.TEXTS,
        **dead_letters.TEXTS,
        **send.TEXTS,
        **events.TEXTS,
        **operations.TEXTS,
    }
)


class Language(StrEnum):
    """What the pages speak."""

    ENGLISH = "en"
    RUSSIAN = "ru"


class Texts:
    """The catalogue in one language: `text("now.accepted")`, `text("letters", n=5)`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = list(Language).index(language)

    def __call__(self, key: str, /, *, n: int | None = None, **values: str | int) -> str:
        """The text of this name. Raises KeyError for one that is not in the catalogue."""
        found = CATALOGUE[key][self._place]
        if n is None:
            return found.format(**values) if values else found
        forms = found.split("|")
        form = forms[min(_form(self.language, n), len(forms) - 1)]
        return form.format(n=self.number(n), **values)

    def number(self, number: float, digits: int = 0) -> str:
        """`1,204` in English, `1 204` in Russian with a thin space that does not break."""
        written = f"{number:,.{digits}f}"
        if self.language is Language.RUSSIAN:
            return written.replace(",", "\u202f").replace(".", ",")
        return written


def language_of(cookie: str | None, accepted: str) -> Language:
    """Which one a browser wants. accepted: its Accept-Language."""
    if cookie is not None and cookie in [*Language]:
        return Language(cookie)
    for part in accepted.split(","):
        word = part.partition(";")[0].strip().lower()[:2]
        if word in [*Language]:
            return Language(word)
    return Language.ENGLISH


def _form(language: Language, n: int) -> int:
    """Which form goes with a number: CLDR's rules for whole numbers."""
    if language is Language.ENGLISH:
        return int(n != 1)
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2

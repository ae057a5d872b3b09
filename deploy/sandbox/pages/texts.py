"""What the pages say, in the reader's language."""

from typing import Final

from deploy.sandbox.pages.catalogue import CATALOGUE

LANGUAGES: Final = {"en": "English", "ru": "Русский"}
COOKIE: Final = "gateway_language"  # the console's too, which is on the same host


class Texts:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._place = [*LANGUAGES].index(language)

    def __call__(self, name: str, **values: object) -> str:
        """Return a text of the catalogue with these values in it."""
        said = CATALOGUE[name][self._place]
        return said.format(**values) if values else said


def choose_language(chosen: str, kept: str, accepted: str) -> str:
    """Return the language: the one chosen now, or before, or the browser's first that we have.

    accepted: the header Accept-Language.
    """
    for language in (chosen, kept):
        if language in LANGUAGES:
            return language
    said = (one.partition(";")[0].strip()[:2].lower() for one in accepted.split(","))
    return next((one for one in said if one in LANGUAGES), "en")

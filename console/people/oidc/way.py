"""The way to another directory of people and back, apart from the library that goes it."""

from dataclasses import dataclass
from typing import Final

from console.people.person import Role

START: Final = "/sign-in/oidc"
BACK: Final = "/sign-in/oidc/back"
LASTS_S: Final = 600


class NotLetIn(Exception):
    """Nobody is signed in. key: of the sentence that the page says; name: who it was."""

    def __init__(self, key: str, name: str = "") -> None:
        super().__init__(key)
        self.key, self.name = key, name


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who came back. logout: what the directory wants to see at the end of their session."""

    subject: str
    name: str
    role: Role
    after: str
    logout: str

"""Who looks at a page, and how much they may do."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What one may do; each may all that a smaller one may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was let in; session: by which sign-in, None where nobody signs in."""

    name: str
    role: Role
    session: str | None

"""Variables that nobody reads: those that a slip of the pen explains, and the rest.

A misspelt `GATEWAY_AMQP_URL` would leave the default in force, so it is an error. A name that is
near nothing may be somebody else's: Kubernetes sets `GATEWAY_SERVICE_HOST` beside a service called
`gateway`, and it is only told.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Final

from common.given import ENV_FILE, ENVIRONMENT, PREFIX, Given

KNOWN_ELSEWHERE: Final = frozenset({ENV_FILE, f"{PREFIX}PYTHON"})
"""Variables that others read: the latter is for the bootstrap wrapper."""

_NEAR: Final = 0.8  # of the name behind the prefix
_NEAR_WHOLE: Final = 0.85  # of a name whose prefix is not ours
_OTHERS: Final = re.compile(f"[A-Z0-9]_+{PREFIX}")  # SMS_GATEWAY_API_KEY is some other program's


def misspelt(given: Iterable[Given], settings: Collection[str]) -> list[str]:
    """One sentence for each variable that is near one of ours, with its place and that name.

    settings: their names, in lower case.
    """
    known = _known(settings)
    return [
        f"{_placed(one)} is not a setting; did you mean {meant}? Correct or remove it"
        for one in given
        if one.variable not in known and (meant := _meant(one.variable, known))
    ]


def unread(given: Iterable[Given], settings: Collection[str]) -> list[str]:
    """One sentence for each variable with our prefix that nobody reads, near one of ours or not."""
    known = _known(settings)
    return [
        f"{_placed(one)} is not a setting; "
        + (
            f"did you mean {meant}?"
            if (meant := _meant(one.variable, known))
            else "see docs/settings.md"
        )
        for one in sorted(given, key=lambda one: one.variable)
        if one.variable.startswith(PREFIX) and one.variable not in known
    ]


def _known(settings: Collection[str]) -> list[str]:
    own = [PREFIX + name.upper() for name in settings]
    return [*own, *(f"{name}_FILE" for name in own), *KNOWN_ELSEWHERE]


def _meant(variable: str, known: Collection[str]) -> str:
    """The name that was meant; empty if none is near."""
    variable = variable.upper()
    if variable.startswith(PREFIX):
        names = [one.removeprefix(PREFIX) for one in known]
        near = difflib.get_close_matches(variable.removeprefix(PREFIX), names, 1, _NEAR)
        return PREFIX + near[0] if near else ""
    if _OTHERS.search(variable):
        return ""
    near = difflib.get_close_matches(variable, known, 1, _NEAR_WHOLE)
    return near[0] if near else ""


def _placed(one: Given) -> str:
    if one.place == ENVIRONMENT:
        return f"{one.variable} in {ENVIRONMENT}"
    return f"{one.place}: {one.variable}"

"""Variables that nobody reads: those that a slip of the pen explains, and the rest.

A misspelt `GATEWAY_AMQP_URL` would leave the default in force, so it is an error. Any other name
may be somebody else's, and is only told: a client's `GATEWAY_API_URL`, an operator's spare
`GATEWAY_AMQP_URL_OLD`, what Kubernetes sets beside a service called `gateway`.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from common.channels import FACTS
from common.given import ENV_FILE, ENVIRONMENT, PREFIX, Given, is_service_link

KNOWN_ELSEWHERE: Final = frozenset({ENV_FILE, f"{PREFIX}PYTHON"})
"""Variables that others read: the latter is for the bootstrap wrapper."""

# PUSHGATEWAY_API_KEY is some other program's, ;GATEWAY_API_KEY a comment to systemd.
_OTHERS: Final = re.compile(f".{PREFIX}")
# What the provider's own pages call it.
_ALSO_CALLED: Final = {
    f"{PREFIX}{name.upper()}{file}": f"{PREFIX}{meant.upper()}{file}"
    for facts in FACTS.values()
    for name, meant in facts.also_called
    for file in ("", "_FILE")
}


def misspelt(given: Iterable[Given], settings: Collection[str]) -> list[str]:
    """One sentence for each variable that is one of ours but for a slip, with its place.

    settings: their names, in lower case.
    """
    known = _known(settings)
    return [
        f"{_placed(one)} is not a setting; did you mean {meant}? Correct or remove it"
        for one in given
        if one.variable not in known and (meant := _meant(one, known))
    ]


def unread(given: Iterable[Given], settings: Collection[str]) -> list[str]:
    """One sentence for each variable with our prefix that nobody reads, a slip or not."""
    known = _known(settings)
    return [
        f"{_placed(one)} is not a setting; {_advice(one, known)}"
        for one in sorted(given, key=lambda one: one.variable)
        if one.variable.startswith(PREFIX) and (one.variable not in known or is_service_link(one))
    ]


def _known(settings: Collection[str]) -> list[str]:
    own = [PREFIX + name.upper() for name in settings]
    return [*own, *(f"{name}_FILE" for name in own), *KNOWN_ELSEWHERE]


def _advice(one: Given, known: Collection[str]) -> str:
    if is_service_link(one):
        return (
            "Kubernetes tells the address of a service by it; enableServiceLinks: false ends that"
        )
    meant = _meant(one, known)
    return f"did you mean {meant}?" if meant else "see docs/settings.md"


def _meant(one: Given, known: Collection[str]) -> str:
    """The name that was meant; empty if no slip leads to one."""
    variable = one.variable.upper()
    if _OTHERS.search(variable) or is_service_link(one):
        return ""
    if variable in _ALSO_CALLED:
        return _ALSO_CALLED[variable]
    return next((name for name in known if is_slip(variable, name)), "")


def is_slip(written: str, meant: str) -> bool:
    """Whether a slip of the pen makes the one of the other: a wrong or an added letter, or up to
    two that are missing, doubled or swapped, `_` among them.

    A letter that is added at the end is none: `API_KEYS` is a word of its own.
    """
    return _is_one_letter_off(written, meant) or _is_mistyped(written, meant, 2)


def _is_one_letter_off(written: str, meant: str) -> bool:
    if meant.endswith("_FILE") and written.endswith("_FILE"):
        written, meant = written.removesuffix("_FILE"), meant.removesuffix("_FILE")
    at = _same_letters(written, meant)
    if len(written) == len(meant):
        return written[at + 1 :] == meant[at + 1 :]
    return at < len(meant) and written[at + 1 :] == meant[at:]


def _is_mistyped(written: str, meant: str, slips: int) -> bool:
    """Whether at most so many letters are missing, doubled or swapped, or `_` that were added."""
    at = _same_letters(written, meant)
    last, written, meant = written[:at][-1:], written[at:], meant[at:]
    if not (written or meant):
        return True
    if slips == 0:
        return False
    is_added = written[:1] in (last, "_") and written != ""
    is_swapped = len(written) > 1 and written[:2] == meant[1::-1]
    return (
        (meant != "" and _is_mistyped(written, meant[1:], slips - 1))
        or (is_added and _is_mistyped(last + written[1:], last + meant, slips - 1))
        or (is_swapped and _is_mistyped(written[2:], meant[2:], slips - 1))
    )


def _same_letters(one: str, other: str) -> int:
    """How many letters at the begin are the same."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _placed(one: Given) -> str:
    if one.place == ENVIRONMENT:
        return f"{one.variable} in {ENVIRONMENT}"
    return f"{one.place}: {one.variable}"

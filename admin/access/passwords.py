"""A new password as a person gives it: typed twice, from stdin, or made here."""

import getpass
import secrets
import sys

from common.errors import ArgumentError
from console.people.passwords import LEAST_CHARACTERS, MOST_CHARACTERS, fault_of

_MADE_BYTES = 18


def given_password(name: str, *, from_stdin: bool, generated: bool) -> tuple[str, bool]:
    """The password of this user, and whether it was made here, so is to be shown once.

    Without a terminal and without --password-stdin one is made. Raises ArgumentError.
    """
    if from_stdin and generated:
        raise ArgumentError("--password-stdin and --generate do not go together: choose one.")
    if from_stdin:
        return _checked(_first_line(), name), False
    if generated or not sys.stdin.isatty():
        return secrets.token_urlsafe(_MADE_BYTES), True
    return _checked(_typed(name), name), False


def _first_line() -> str:
    try:
        line = sys.stdin.buffer.readline(4 * MOST_CHARACTERS + 3).decode()
    except UnicodeDecodeError:
        raise ArgumentError("The password on standard input is not UTF-8.") from None
    return line.removesuffix("\n").removesuffix("\r")


def _typed(name: str) -> str:
    try:
        first = getpass.getpass(f"Password of {name} (at least {LEAST_CHARACTERS} characters): ")
        again = getpass.getpass("The same again: ")
    except EOFError:
        raise ArgumentError("No password was typed; nothing was changed.") from None
    if first != again:
        raise ArgumentError("The two differ; nothing was changed.")
    return first


def _checked(password: str, name: str) -> str:
    if fault := fault_of(password, name):
        raise ArgumentError(f"The password {fault}. Nothing was changed.")
    return password

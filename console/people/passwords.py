"""Passwords: what may be one, and how one is kept. The only user of argon2."""

import ctypes
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_CHARACTERS: Final = 12
MOST_CHARACTERS: Final = 200

_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of malloc.h: set once, it grows no more by itself
_LARGE_BYTES: Final = 4 * 1024 * 1024

# Some 30 ms. More memory than this would count: the console has little, and others sign in too.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def fault_of(password: str, name: str) -> str | None:
    """What is wrong with it as a password of this user, as the rest of a sentence."""
    if len(password) < LEAST_CHARACTERS:
        return f"has fewer than {LEAST_CHARACTERS} characters: take a longer one"
    if len(password) > MOST_CHARACTERS:
        return f"has more than {MOST_CHARACTERS} characters: take a shorter one"
    if not password.isprintable():
        return "has characters that cannot be typed, such as a line end: leave them out"
    if len(set(password)) < 5:
        return "repeats the same few characters: take another one"
    if name.casefold() in password.casefold() and len(password) < 2 * LEAST_CHARACTERS:
        return "has the user's name in it: take another one"
    return None


def hash_of(password: str) -> str:
    """What is kept of it: argon2id, with its salt and parameters."""
    _keep_no_memory()
    return _HASHER.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password. kept: None takes as long and matches nothing."""
    _keep_no_memory()
    try:
        return _HASHER.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it would be kept in another way today."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _keep_no_memory() -> None:
    """Have glibc give back what a hash took, 19 MB, which it would keep for the next one."""
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):
        set_option(_MMAP_THRESHOLD, _LARGE_BYTES)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody's")

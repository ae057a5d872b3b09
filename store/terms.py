"""What notifications are found by, as the journal writes it and the API asks for it."""

import re
from hashlib import blake2b
from typing import Final

RECIPIENT: Final = "to:"
WORD: Final = "word:"

_WORD: Final = re.compile(r"\w+")
_MOST_WORDS: Final = 50
_MOST_TERM_CHARS: Final = 160


def recipient_term(recipient_key: bytes, channel: str, address: str) -> str:
    """By what a recipient is found: a hash that only this store's key makes."""
    identity = f"{channel}:{address}".casefold().encode()
    return RECIPIENT + blake2b(identity, key=recipient_key, digest_size=16).hexdigest()


def word_terms(subject: str) -> set[str]:
    """The words of a subject, by which it is found."""
    return {word_term(word) for word in _WORD.findall(subject.casefold())[:_MOST_WORDS]}


def word_term(word: str) -> str:
    """By what a subject with this word is found."""
    return f"{WORD}{word.casefold()}"[:_MOST_TERM_CHARS]


def tag_term(tag: str) -> str:
    """By what a notification with this tag is found."""
    return f"tag:{tag}"[:_MOST_TERM_CHARS]

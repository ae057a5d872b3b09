"""What is searched for: a text of words and fields becomes terms, and a delivery meets them or not.

`to:ada subject:"your order" -is:refused telegram` are four terms, and all of them must be met.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from common.channels import CHANNELS
from deploy.sandbox.inbox.records import Entry, Thread

MAX_CHARACTERS: Final = 300
MAX_TERMS: Final = 12

STATES: Final = ("refused", "delivered", "duplicate", "unread", "read")
CONTENTS: Final = ("html", "attachment", "buttons")
# What may stand after a field; None for any words.
VALUES: Final[dict[str, tuple[str, ...] | None]] = {
    "from": None,
    "to": None,
    "subject": None,
    "id": None,
    "channel": tuple(CHANNELS),
    "is": STATES,
    "has": CONTENTS,
}

_TERM: Final = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"?|\S+)')


@dataclass(frozen=True)
class Term:
    """One thing that must be so: field (empty for words anywhere), value in lower case.

    is_known: whether the field may have this value; what is not known is looked for as words.
    """

    field: str
    value: str
    is_negated: bool = False
    is_known: bool = True

    @property
    def words(self) -> str:
        """The term as a person wrote it."""
        return f"{self.field}:{self.value}" if self.field else self.value


def read_terms(text: str) -> tuple[Term, ...]:
    """Return the terms of a search, the first twelve of its first 300 characters."""
    found = _TERM.finditer(text[:MAX_CHARACTERS])
    terms = (_read(minus, field or "", said) for minus, field, said in (m.groups() for m in found))
    return tuple(term for term in terms if term.value)[:MAX_TERMS]


def _read(minus: str, field: str, said: str) -> Term:
    value = said.strip('"').casefold()
    name = field.casefold()
    if name not in VALUES:  # a word with a colon in it: an address of the web, say
        return Term("", f"{name}:{value}" if name else value, bool(minus))
    allowed = VALUES[name]
    return Term(name, value, bool(minus), allowed is None or value in allowed)


def is_met(terms: Iterable[Term], thread: Thread, entries: Sequence[Entry]) -> bool:
    """Tell whether a delivery, with the messages that it came to, meets all terms."""
    return all(_meets(term, thread, entries) != term.is_negated for term in terms)


def _meets(term: Term, thread: Thread, entries: Sequence[Entry]) -> bool:
    if not term.is_known:
        return any(term.words in text.casefold() for text in _texts(thread, entries))
    match term.field:
        case "channel":
            return thread.last.channel == term.value
        case "is":
            return _is(term.value, thread)
        case "has":
            return any(_has(term.value, entry) for entry in entries)
    return any(term.value in text.casefold() for text in _where(term.field, thread, entries))


def _where(field: str, thread: Thread, entries: Sequence[Entry]) -> Iterator[str]:
    match field:
        case "to":
            yield from (one.recipient or "" for one in thread.attempts)
        case "from":
            yield from (entry.header("from") for entry in entries)
        case "subject":
            yield from (entry.subject or "" for entry in entries)
            yield from (one.preview for one in thread.attempts if not entries)
        case "id":
            yield thread.last.delivery_id or ""
            yield from (entry.provider_id for entry in entries)
        case _:
            yield from _texts(thread, entries)


def _texts(thread: Thread, entries: Sequence[Entry]) -> Iterator[str]:
    for one in thread.attempts:
        yield from (one.recipient or "", one.preview, one.answer, one.delivery_id or "")
    for entry in entries:
        yield from (entry.subject or "", entry.text, entry.html or "", entry.header("from"))
        yield from entry.attachments
        yield from entry.params.values()


def _is(state: str, thread: Thread) -> bool:
    match state:
        case "refused":
            return thread.refused > 0
        case "delivered":
            return bool(thread.delivered)
        case "duplicate":
            return len(thread.delivered) > 1
        case "read":
            return thread.is_read
    return not thread.is_read


def _has(content: str, entry: Entry) -> bool:
    match content:
        case "html":
            return bool(entry.html)
        case "attachment":
            return bool(entry.attachments)
    return "reply_markup" in entry.params or "keyboard" in entry.params

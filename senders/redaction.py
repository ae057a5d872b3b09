"""Keeps secrets out of what a provider said: it may quote what it was sent."""

from dataclasses import replace
from typing import Any, Final, TypeVar

from common.watching.redaction import Redactor
from senders.outcome import Reply
from senders.said import MOST_CHARS

MESSAGE_CHARS: Final = 1000

AnyReply = TypeVar("AnyReply", bound=Reply)


def redact(outcome: AnyReply, redactor: Redactor) -> AnyReply:
    """The outcome with every secret in its texts hidden, its message cut to 1,000 characters."""
    changed: dict[str, Any] = {}
    for name, most in MOST_CHARS.items():
        said = getattr(outcome, name, None)
        if said:
            shown = redactor.hide(said, is_cut=len(said) == most)
            shown = shown[:MESSAGE_CHARS] if name == "message" else shown
            if shown != said:
                changed[name] = shown
    return replace(outcome, **changed) if changed else outcome

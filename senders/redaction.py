"""Keeps secrets out of what is stored, logged and shown."""

from dataclasses import replace
from typing import TypeVar

from senders.outcome import Reply

MESSAGE_CHARS = 1000
HIDDEN = "[hidden]"

AnyReply = TypeVar("AnyReply", bound=Reply)


def redact(outcome: AnyReply, *secrets: str | None) -> AnyReply:
    """The outcome with every secret in its message hidden, and the message cut to 1,000 characters.

    Longest first, so that a part of a secret does not spoil the search for the whole.
    """
    message = outcome.message
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, HIDDEN)
    if message == outcome.message and len(message) <= MESSAGE_CHARS:
        return outcome
    return replace(outcome, message=message[:MESSAGE_CHARS])

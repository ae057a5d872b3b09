"""Keeps secrets out of what is stored, logged and shown."""

from dataclasses import replace

from senders.outcome import Outcome

MESSAGE_CHARS = 1000
HIDDEN = "[hidden]"


def redact(outcome: Outcome, *secrets: str | None) -> Outcome:
    """The outcome with every secret in its message hidden, and the message cut to 1,000 characters.

    Longest first, so that a part of a secret does not spoil the search for the whole.
    """
    message = outcome.message
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, HIDDEN)
    return replace(outcome, message=message[:MESSAGE_CHARS])

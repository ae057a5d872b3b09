"""A new key from what a person says of it: every part checked."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from common.channels import Channel
from common.errors import ArgumentError
from common.recipients import normalise_email, parse_recipient
from common.settings import parse_duration_s, parse_rate
from common.times import epoch_ms
from store.access.key_form import Mode, Scope, hash_of, new_key, new_key_id
from store.access.keys import KeyRow

_MOST_NAME = 100
_ANY_OF_DOMAIN = f"{Channel.EMAIL}:*@"


def make_key(
    name: str,
    scopes: str,
    mode: Mode,
    rate: str | None,
    recipients: Sequence[str],
    expires: str | None,
    now: datetime,
) -> tuple[str, KeyRow]:
    """The key itself, which nobody keeps, and what is kept of it. Raises ArgumentError."""
    if not name.strip() or len(name) > _MOST_NAME or not name.isprintable():
        raise ArgumentError(f"--name is 1 to {_MOST_NAME} characters that can be seen.")
    if (mode is Mode.TEAM) is not bool(recipients):
        raise ArgumentError(
            "A team key needs --recipient, for each that it may reach: email:ada@example.com, "
            "email:*@example.com."
            if mode is Mode.TEAM
            else "--recipient goes with --mode team only."
        )
    key = new_key(mode)
    row = KeyRow(
        new_key_id(),
        name.strip(),
        hash_of(key),
        _scopes(scopes),
        mode,
        epoch_ms(now),
        rate=None if rate is None else _rate(rate),
        recipients=tuple(map(_recipient, recipients)),
        expires_at_ms=None if expires is None else epoch_ms(_moment(expires, now)),
    )
    return key, row


def duration(option: str, text: str) -> timedelta:
    """`24h`. Raises ArgumentError."""
    try:
        return timedelta(seconds=parse_duration_s(text))
    except (ValueError, OverflowError):
        raise ArgumentError(f"{option} {text!r} is no duration such as 24h or 90d.") from None


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return frozenset(Scope(one.strip()) for one in text.split(","))
    except ValueError:
        known = ", ".join(Scope)
        raise ArgumentError(f"--scopes {text!r}: write {known}, or both with a comma.") from None


def _rate(text: str) -> str:
    try:
        rate = parse_rate(text)
    except ValueError:
        rate = None
    if rate is None or rate.count != int(rate.count):
        raise ArgumentError(f"--rate {text!r} is no whole rate such as 100/s, 20/min or 1000/h.")
    return text.strip()


def _recipient(text: str) -> str:
    """As the API compares it: without regard to letter case."""
    try:
        if text.startswith(_ANY_OF_DOMAIN):
            domain = normalise_email(f"x@{text.removeprefix(_ANY_OF_DOMAIN)}").rpartition("@")[2]
            return f"{_ANY_OF_DOMAIN}{domain.casefold()}"
        return parse_recipient(text).identity
    except ValueError as error:
        raise ArgumentError(f"--recipient: {error}.") from None


def _moment(text: str, now: datetime) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", text):
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            moment = now + duration("--expires", text)
    except (ValueError, OverflowError):  # also of a year after the last that can be written
        raise ArgumentError(f"--expires {text!r} is no date such as 2026-12-31.") from None
    if moment <= now:
        raise ArgumentError(f"--expires {text!r} is over already.")
    return moment

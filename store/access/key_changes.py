"""Keys as people change them: kept, rotated, revoked, each with what the audit log says of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from common.errors import GatewayError
from common.times import epoch_ms, utc_now
from store.access.audit import Action, Entry, write_entry
from store.access.key_form import hash_of, new_key
from store.access.keys import (
    KeyRow,
    add_key,
    find_key,
    load_keys,
    revoke_key,
    rotate_key,
    rotate_secret,
)
from store.callbacks.endpoints import set_events


class NoSuchKey(GatewayError):
    """There is none of this id, or none that is good."""


def keep_key(
    connection: Connection,
    actor: str,
    row: KeyRow,
    callback_url: str | None = None,
    events: Sequence[str] = (),
) -> bool:
    """Keep a new one, and whom to call back about what it sends; whether it is the first."""
    is_first = not load_keys(connection)
    add_key(connection, row)
    write_entry(connection, _entry(actor, Action.CREATED, row))
    if callback_url is not None:
        set_events(connection, row.id, callback_url, tuple(events), row.created_at_ms)
    return is_first


def end_key(connection: Connection, actor: str, key_id: str) -> KeyRow:
    """Let it open nothing any more. Raises NoSuchKey."""
    row = find_key(connection, key_id)
    if row is None or not revoke_key(connection, key_id, epoch_ms(utc_now())):
        raise _no_good_one(key_id)
    write_entry(connection, _entry(actor, Action.REVOKED, row))
    return row


def replace_key(
    connection: Connection, actor: str, key_id: str, together: timedelta
) -> tuple[str, KeyRow, datetime]:
    """Another key, which nobody keeps, what it is of, and until when both are good.

    Raises NoSuchKey.
    """
    row, now = find_key(connection, key_id), utc_now()
    if row is None or not row.is_good(epoch_ms(now)):
        raise _no_good_one(key_id)
    key, until = new_key(row.mode), now + together
    rotate_key(connection, key_id, hash_of(key), epoch_ms(until))
    told = {"overlap_s": together / timedelta(seconds=1)}
    write_entry(connection, _entry(actor, Action.ROTATED, row, **told))
    return key, row, until


def replace_secret(
    connection: Connection, actor: str, row: KeyRow, together: timedelta
) -> datetime:
    """Let another secret sign what its receivers are told; until when the former one signs too."""
    now = utc_now()
    until = now + together
    rotate_secret(connection, row.id, epoch_ms(until))
    told = {"of": "callbacks", "keep_s": together / timedelta(seconds=1)}
    write_entry(connection, Entry(epoch_ms(now), actor, Action.ROTATED, f"key {row.id}", told))
    return until


def known_key(connection: Connection, key_id: str) -> KeyRow:
    """The key of this id, good or not. Raises NoSuchKey."""
    found = find_key(connection, key_id)
    if found is None:
        raise NoSuchKey(f"There is no key {key_id!r}: see `gateway keys list`.")
    return found


def _no_good_one(key_id: str) -> NoSuchKey:
    return NoSuchKey(f"There is no key {key_id!r} that is good: see `gateway keys list`.")


def _entry(actor: str, action: Action, row: KeyRow, **details: Any) -> Entry:
    told = {"name": row.name, "mode": row.mode.value, "scopes": sorted(row.scopes), **details}
    return Entry(epoch_ms(utc_now()), actor, action, f"key {row.id}", told)

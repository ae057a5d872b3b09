"""API keys as the store keeps them: never the key itself, only its hash."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy import inspect as inspector

from store import tables
from store.access.key_form import Mode, Scope


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key; former_hash: of the one before its last rotation, good until former_until_ms.

    rate: `100/s`, of requests that send; recipients: whom a team key may reach; secret_version: of
    what signs its webhooks, beside which the one before signs until former_secret_until_ms.
    """

    id: str
    name: str
    hash: bytes
    scopes: frozenset[Scope]
    mode: Mode
    created_at_ms: int
    rate: str | None = None
    recipients: tuple[str, ...] = ()
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    seen_at_ms: int | None = None
    former_hash: bytes | None = None
    former_until_ms: int | None = None
    secret_version: int = 1
    former_secret_until_ms: int | None = None

    def is_good(self, now_ms: int) -> bool:
        """Whether it opens the door at this moment."""
        is_over = self.expires_at_ms is not None and self.expires_at_ms <= now_ms
        return self.revoked_at_ms is None and not is_over


def has_keys(connection: Connection) -> bool:
    """Whether the store has a place for keys: one that an older version made has none."""
    return inspector(connection).has_table(tables.keys.name)


def load_keys(connection: Connection) -> list[KeyRow]:
    """Every key that there ever was, the newest last."""
    table = tables.keys
    query = select(table).order_by(table.c.created_at_ms, table.c.id)
    return [_row(row._mapping) for row in connection.execute(query)]


def find_key(connection: Connection, key_id: str) -> KeyRow | None:
    """The key of this id."""
    found = connection.execute(select(tables.keys).where(tables.keys.c.id == key_id)).one_or_none()
    return None if found is None else _row(found._mapping)


def add_key(connection: Connection, row: KeyRow) -> None:
    """Keep a new one."""
    values = {name: getattr(row, name) for name in row.__slots__}
    values |= {"scopes": sorted(row.scopes), "recipients": list(row.recipients)}
    connection.execute(insert(tables.keys).values(values))


def revoke_key(connection: Connection, key_id: str, now_ms: int) -> bool:
    """Let it open nothing any more; whether it did until now."""
    table = tables.keys
    done = update(table).where(table.c.id == key_id, table.c.revoked_at_ms.is_(None))
    return connection.execute(done.values(revoked_at_ms=now_ms)).rowcount > 0


def rotate_key(connection: Connection, key_id: str, new_hash: bytes, until_ms: int) -> None:
    """Give it another hash; the one that it has is good too until then."""
    table = tables.keys
    connection.execute(
        update(table)
        .where(table.c.id == key_id)
        .values(hash=new_hash, former_hash=table.c.hash, former_until_ms=until_ms)
    )


def rotate_secret(connection: Connection, key_id: str, until_ms: int) -> None:
    """Let another secret sign its webhooks; the one that did signs too until then."""
    table = tables.keys
    connection.execute(
        update(table)
        .where(table.c.id == key_id)
        .values(secret_version=table.c.secret_version + 1, former_secret_until_ms=until_ms)
    )


def signing_versions(version: int, former_until_ms: int | None, now_ms: int) -> list[int]:
    """Which of a key's secrets sign at this moment, the new one first."""
    is_former_good = former_until_ms is not None and now_ms < former_until_ms
    return [version, version - 1] if is_former_good else [version]


def note_seen(connection: Connection, ids: Collection[str], now_ms: int) -> None:
    """They were used at this moment, or a little before."""
    table = tables.keys
    is_news = or_(table.c.seen_at_ms.is_(None), table.c.seen_at_ms < now_ms)
    connection.execute(
        update(table).where(and_(table.c.id.in_(list(ids)), is_news)).values(seen_at_ms=now_ms)
    )


def _row(columns: Any) -> KeyRow:
    values = dict(columns)
    values["scopes"] = frozenset(map(Scope, values["scopes"]))
    values["mode"] = Mode(values["mode"])
    values["recipients"] = tuple(values["recipients"])
    for name in ("hash", "former_hash"):
        values[name] = None if values[name] is None else bytes(values[name])
    return KeyRow(**values)

"""API keys of a test's own."""

from common.recipients import parse_recipient
from store.access.key_form import Mode, Scope, hash_of, new_key, new_key_id
from store.access.keys import KeyRow, add_key, revoke_key, rotate_key
from store.database import Database


class Key:
    """A key in a store, and what its owner alone knows: the key itself."""

    def __init__(self, database: Database, row: KeyRow, text: str) -> None:
        self._database, self.row, self.text = database, row, text
        self.id = row.id

    @property
    def bearer(self) -> dict[str, str]:
        """The header that shows it."""
        return bearer(self.text)

    def revoke(self) -> None:
        """As `gateway keys revoke` does."""
        with self._database.writing() as connection:
            assert revoke_key(connection, self.id, 1)

    def rotate(self, until_ms: int) -> str:
        """Another key in its place; this one is good too until then."""
        text = new_key(self.row.mode)
        with self._database.writing() as connection:
            rotate_key(connection, self.id, hash_of(text), until_ms)
        return text


def made_key(
    database: Database,
    *,
    mode: Mode = Mode.LIVE,
    scopes: frozenset[Scope] = frozenset(Scope),
    rate: str | None = None,
    recipients: tuple[str, ...] = (),
    expires_at_ms: int | None = None,
) -> Key:
    """A new one."""
    text = new_key(mode)
    row = KeyRow(
        new_key_id(),
        "a test's",
        hash_of(text),
        scopes,
        mode,
        0,
        rate=rate,
        recipients=tuple(map(_identity, recipients)),
        expires_at_ms=expires_at_ms,
    )
    with database.writing() as connection:
        add_key(connection, row)
    return Key(database, row, text)


def bearer(text: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {text}"}


def _identity(recipient: str) -> str:
    return recipient if "*" in recipient else parse_recipient(recipient).identity

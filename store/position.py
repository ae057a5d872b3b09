"""How far the store is: which store, its newest and oldest fact, and until when it knows all."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from store import tables


@dataclass(frozen=True, slots=True)
class Position:
    """One moment of the store.

    epoch: another one means another store, whose numbers say nothing about this one's. Facts
    first_seq to last_seq are there; last_seq is first_seq - 1 when there are none. Whatever was
    told before heard_at_ms is among them.
    """

    epoch: str
    last_seq: int
    first_seq: int
    heard_at_ms: int


def read_position(connection: Connection) -> Position:
    """Where the store is in the view of this transaction."""
    row = tables.store.c
    query = select(row.epoch, row.last_seq, row.first_seq, row.heard_at_ms)
    return Position(*connection.execute(query).one())


def read_recipient_key(connection: Connection) -> bytes:
    """The key of recipients' hashes: a secret that everybody with this store shares."""
    return bytes(connection.execute(select(tables.store.c.recipient_key)).scalar_one())

"""How far callbacks were made, and which journal makes them: one at a time, for order's sake.

The right is leased for some seconds, on both databases alike. Should two hold it all the same, by
clocks that differ, both make the same callbacks under the same ids.
"""

from typing import Final

from sqlalchemy import Connection, or_, select, update

from store import tables

_TABLE: Final = tables.callback_turn
_MOST_AHEAD_MS: Final = 60_000  # that clocks differ by; what ends later was written by a wrong one


def read_turn(connection: Connection) -> int:
    """The number of the last fact that callbacks were made of."""
    return int(connection.execute(select(_TABLE.c.seq)).scalar_one())


def take_turn(connection: Connection, holder: str, now_ms: int, until_ms: int) -> bool:
    """Have it until then; whether it was free, or this journal's already.

    A clock that was far ahead, and was put right, keeps nobody waiting until its time comes.
    """
    is_over = or_(_TABLE.c.until_ms <= now_ms, _TABLE.c.until_ms > until_ms + _MOST_AHEAD_MS)
    is_free = or_(_TABLE.c.holder == holder, is_over)
    taken = update(_TABLE).where(is_free).values(holder=holder, until_ms=until_ms)
    return connection.execute(taken).rowcount > 0


def move_on(connection: Connection, holder: str, seq: int, until_ms: int) -> bool:
    """Callbacks of all facts up to this one are the broker's; whether it still is our turn."""
    moved = update(_TABLE).where(_TABLE.c.holder == holder, _TABLE.c.seq < seq)
    return connection.execute(moved.values(seq=seq, until_ms=until_ms)).rowcount > 0


def give_turn(connection: Connection, holder: str) -> None:
    """Let another journal go on at once."""
    connection.execute(update(_TABLE).where(_TABLE.c.holder == holder).values(until_ms=0))

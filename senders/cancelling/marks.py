"""Which deliveries somebody wants to end: small, because a sender knows all of them."""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from broker_topology.topology import CANCELS_DAYS
from common.envelope import Event

_HASH_BYTES: Final = 16
_KEPT: Final = timedelta(days=CANCELS_DAYS)


class Marks:
    """The marks of the longest life of a delivery, by the day on which each was made."""

    def __init__(self) -> None:
        self._days: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._days.values()))

    def add(self, asked: Event, now: datetime) -> None:
        """Note one; asked: the fact that says so. What no delivery can live by any more is left."""
        if asked.at > now - _KEPT:
            day = self._days.setdefault(asked.at.toordinal(), set())
            day.add(_key(asked.delivery_id, asked.generation))
        self._forget((now - _KEPT).toordinal())

    def has(self, delivery_id: str, generation: int) -> bool:
        """Whether this delivery shall end; one that was put back later is another one."""
        if not self._days:
            return False
        key = _key(delivery_id, generation)
        return any(key in day for day in self._days.values())

    def _forget(self, before: int) -> None:
        for day in [day for day in self._days if day < before]:
            del self._days[day]


def _key(delivery_id: str, generation: int) -> bytes:
    return blake2b(f"{delivery_id}/{generation}".encode(), digest_size=_HASH_BYTES).digest()

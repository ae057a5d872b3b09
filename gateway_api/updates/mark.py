"""A place in the stream, as clients keep it: `<epoch>-<seq>`; pure."""

import re
from dataclasses import dataclass
from typing import Final, Self

_MARK: Final = re.compile(r"([0-9A-Za-z]{1,32})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Mark:
    """After which fact of which store."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError with a sentence for the client."""
        found = _MARK.fullmatch(text)
        if not found:
            raise ValueError(
                f"{text[:80]!r} is no position such as 0123456789abcdef-1042: give the id of the "
                "last event that came"
            )
        return cls(found[1], int(found[2]))


@dataclass(frozen=True, slots=True)
class Reset:
    """Why somebody cannot go on where it was, and where it goes on instead.

    reason: `another_store`, `pruned` (what follows was deleted), or `ahead` (of this store).
    """

    reason: str
    mark: Mark

    @property
    def document(self) -> dict[str, str]:
        """As every stream tells it."""
        return {"reason": self.reason, "position": str(self.mark)}

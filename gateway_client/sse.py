"""Server-Sent Events, read piece by piece as they come; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway_client.errors import UnexpectedAnswer

MOST_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two empty lines; "" for what was not said."""

    id: str = ""
    event: str = ""
    data: str = ""


class Blocks:
    """Cuts a stream into blocks. Never holds more than one of them, and MOST_BYTES of it."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}
        self._bytes = 0

    def feed(self, piece: bytes) -> Iterator[Block]:
        """The blocks that end in this piece. Raises UnexpectedAnswer for one that has no end."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if block := self._take(line.removesuffix(b"\r")):
                yield block
        if len(self._rest) + self._bytes > MOST_BYTES:
            raise UnexpectedAnswer(
                f"an event of the stream has more than {MOST_BYTES} bytes: is it the gateway's API "
                "that answers there?"
            )

    def _take(self, line: bytes) -> Block | None:
        if not line:
            found, self._fields, self._bytes = self._fields, {}, 0
            return Block(**found) if found else None
        self._bytes += len(line)
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in self._fields:
            self._fields["data"] += f"\n{value}"
        elif name in ("id", "event", "data"):
            self._fields[name] = value
        return None

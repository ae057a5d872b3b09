"""Commands at a terminal of a given width, and what they show there."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ADDRESS_CHARS = 30
_SIZES = ("COLUMNS", "LINES")  # of the terminal around the tests, if they run at one


@dataclass
class Terminal:
    """A process at a terminal; `text` is all that it has shown, without colours and movements.

    input: where to write what somebody types.
    """

    process: subprocess.Popen[bytes]
    input: int
    _shown: bytearray = field(default_factory=bytearray)

    @property
    def raw(self) -> str:
        """All that it was sent."""
        return self._shown.decode(errors="replace")

    @property
    def text(self) -> str:
        """The lines that it has shown, each time that they were painted."""
        plain = _CONTROL.sub("", self.raw)
        return plain.replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def at_terminal(
    command: Sequence[str], env: dict[str, str], cwd: Path, columns: int
) -> Iterator[Terminal]:
    """Run a command at a terminal of 50 lines; killed at the end if it still runs."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={name: text for name, text in env.items() if name not in _SIZES} | {"TERM": "xterm"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    terminal = Terminal(process, leader)

    def read() -> None:
        with contextlib.suppress(OSError):  # the terminal is closed when the last writer is gone
            while piece := os.read(leader, 4096):
                terminal._shown.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        os.close(leader)


def too_wide(text: str, columns: int) -> list[str]:
    """Lines that are wider, but for those with an address or a path to copy."""
    return [
        line
        for line in text.splitlines()
        if len(line) > columns and not any(_is_address(word) for word in line.split())
    ]


def _is_address(word: str) -> bool:
    return "/" in word and len(word) > _ADDRESS_CHARS

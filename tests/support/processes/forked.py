"""Consoles that start at once: forked from a process that has loaded their code already.

What a console loads takes it longer than most tests of a page take. Each is a process of its own,
with an environment of its own, which is waited for and killed like any other.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[3]
_ORDER_BYTES: Final = 1 << 20
_READY_S: Final = 120.0


class Forked:
    """One of them, as `subprocess.Popen` has it."""

    def __init__(self, parent: "_Parent", pid: int) -> None:
        self._parent, self.pid = parent, pid
        self._ended = os.pidfd_open(pid)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same, waited for. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("console", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """To it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = self._parent.ask({"bury": self.pid})
            os.close(self._ended)
        return self.returncode


class _Parent:
    """Has the code and starts nothing; ends when nobody talks to it any more."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=_ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket.settimeout(_READY_S)
        atexit.register(self._end)

    def ask(self, order: Mapping[str, Any]) -> int:
        """Its answer; what is started says what it says where we do."""
        socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], [1, 2])
        return int(self._socket.recv(64))

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _parent() -> _Parent:
    return _Parent()


def forked_console(directory: Path, environment: Mapping[str, str]) -> Forked:
    """Start one in this directory, with this environment and no other."""
    order = {"directory": str(directory), "environment": dict(environment)}
    return Forked(_parent(), _parent().ask(order))


def _serve(number: int) -> None:
    """Start and bury consoles as long as somebody asks."""
    main = _load()
    living: set[int] = set()
    with socket.socket(fileno=number) as asked:
        while True:
            line, streams = _read(asked)
            if not line:
                break
            order = json.loads(line)
            if "bury" in order:
                _, status = os.waitpid(order["bury"], 0)
                answer = os.waitstatus_to_exitcode(status)
                living.discard(order["bury"])
            elif (answer := os.fork()) == 0:
                asked.close()
                os._exit(_become(main, order, streams))
            else:
                living.add(answer)
            for one in streams:
                os.close(one)
            asked.send(str(answer).encode())
    for one in living:  # whoever asked was killed, and could not end them
        os.kill(one, signal.SIGKILL)


def _read(asked: socket.socket) -> tuple[bytes, list[int]]:
    """One order, and the streams of whoever gave it."""
    line, streams = b"", []
    while not line.endswith(b"\n"):
        part, fds, _, _ = socket.recv_fds(asked, _ORDER_BYTES, 2)
        streams += fds
        if not part:
            return b"", []
        line += part
    return line, streams


def _load() -> Any:
    """All that `python -m console` loads, and in its way; its main function."""
    import console.app

    with console.app.absent("aiohttp"):
        import console.frame.mounting
        import console.pages.table
    import console.__main__

    return console.__main__.main


def _become(main: Any, order: Mapping[str, Any], streams: list[int]) -> int:
    """Be the console; its exit code."""
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    try:
        return int(main())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

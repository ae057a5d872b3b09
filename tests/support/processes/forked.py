"""Our processes, started at once: forked from one that has loaded their code already.

What they load takes them longer than most tests take: 1 s a sender, 2 s the console. Each is a
process of its own, with an environment of its own, which is waited for and killed like any other.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from common.channels import CHANNELS

_ROOT: Final = Path(__file__).resolve().parents[3]
_ORDER_BYTES: Final = 1 << 20
_READY_S: Final = 120.0
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>: however it is that it ends
_CODE: Final = {
    "console": ("console.server", "console.pages.table"),
    "gateway_api": ("gateway_api.server", "uvloop"),
    "journal": ("journal.process",),
    "senders": (*(f"senders.{channel}.provider" for channel in CHANNELS), "uvloop"),
    "deploy.sandbox": ("deploy.sandbox.__main__",),
}
"""What each of them loads, here or in its functions."""


class Forked:
    """One of them, as `subprocess.Popen` has it."""

    def __init__(self, parent: "_Parent", pid: int) -> None:
        self._parent, self.pid = parent, pid
        self._ended = os.pidfd_open(pid)
        weakref.finalize(self, os.close, self._ended)
        self._burying = threading.Lock()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same, waited for. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """To it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and self._ended_within(timeout):
            with self._burying:  # several may wait for it
                if self.returncode is None:
                    self.returncode = self._parent.ask({"bury": self.pid})
        return self.returncode

    def _ended_within(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))


class _Parent:
    """Has the code and starts nothing; ends when nobody talks to it any more."""

    def __init__(self, module: str) -> None:
        self._asked = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), module],
                cwd=_ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket.settimeout(_READY_S)
        atexit.register(self._end)

    def ask(self, order: Mapping[str, Any], streams: tuple[int, int] = (1, 2)) -> int:
        """Its answer; what is started says what it says to these streams."""
        with self._asked:
            socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], streams)
            return int(self._socket.recv(64))

    def _end(self) -> None:
        self._socket.close()
        self._process.kill()  # what it has started goes with it
        self._process.wait()


@cache
def _parent(module: str) -> _Parent:
    """One for each module, so that what a process has in memory is its own."""
    return _Parent(module)


def has_forks() -> bool:
    """Whether this system can: Linux."""
    return hasattr(os, "pidfd_open")


def forked(
    module: str,
    *words: str,
    directory: Path,
    environment: Mapping[str, str],
    streams: tuple[int, int] = (1, 2),
) -> Forked:
    """Start `python -m module words` in this directory, with this environment and no other.

    streams: what is its standard output and its standard error.
    """
    order = {
        "words": list(words),
        "directory": str(directory),
        "environment": dict(environment),
    }
    return Forked(_parent(module), _parent(module).ask(order, streams))


def _serve(number: int, module: str) -> None:
    """Start and bury processes as long as somebody asks."""
    _load(module)
    gc.freeze()  # else each of them would copy all of it when it first tidies up
    with socket.socket(fileno=number) as asked:
        while True:
            line, streams = _read(asked)
            if not line:
                break
            order = json.loads(line)
            if "bury" in order:
                _, status = os.waitpid(order["bury"], 0)
                answer = os.waitstatus_to_exitcode(status)
            elif (answer := os.fork()) == 0:
                asked.close()
                os._exit(_become(module, order, streams))
            for one in streams:
                os.close(one)
            asked.send(str(answer).encode())


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


def _load(module: str) -> None:
    """All that `python -m module` loads, and in its way."""
    if module == "console":
        import console.app

        with console.app.absent("aiohttp"):
            import_module("console.frame.mounting")
    for name in _CODE[module]:
        import_module(name)


def _become(module: str, order: Mapping[str, Any], streams: Sequence[int]) -> int:
    """Be that process; its exit code."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.setpgid(0, 0)  # Ctrl-C is for whoever asked
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[1:] = order["words"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])

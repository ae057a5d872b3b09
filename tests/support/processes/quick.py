"""What `forked` starts, as other things expect a process: a stack's guard, asyncio's."""

import asyncio
import os
import signal
import socket
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy.local.stack import Service, Stack
from tests.support.polling import eventually
from tests.support.processes.forked import Forked, forked, has_forks


class QuickStack(Stack):
    """A stack without the time to load its services' code, for tests that are not about that."""

    def _guarded(self, service: Service) -> Any:
        if not has_forks():
            return super()._guarded(service)
        module, *words = service.command[service.command.index("-m") + 1 :]
        with self.log_file(service.name).open("ab") as log:
            process = forked(
                module,
                *words,
                directory=Path.cwd(),
                environment=service.environment,
                streams=(log.fileno(), log.fileno()),
            )
        self._pid_file(service.name).write_text(f"{process.pid}\n")
        return _Guard(process)


class _Guard:
    """As a stack has it: closed, it kills the process and what that has started."""

    def __init__(self, process: Forked) -> None:
        self._process = process
        self.poll, self.wait = process.poll, process.wait
        self.stdin = self

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class QuickProcess:
    """One of them, as `asyncio.subprocess.Process` has it; all that it says is its stderr."""

    def __init__(
        self, process: Forked, stderr: asyncio.StreamReader, said: asyncio.StreamWriter
    ) -> None:
        self._process, self.stderr, self._said = process, stderr, said
        self.pid, self.send_signal = process.pid, process.send_signal
        self.kill, self.terminate = process.kill, process.terminate
        weakref.finalize(self, process.kill).atexit = False  # a test that failed leaves it

    @classmethod
    async def started(
        cls, module: str, directory: Path, environment: Mapping[str, str]
    ) -> "QuickProcess":
        """Start `python -m module` in this directory, with this environment and no other."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = forked(
                module,
                directory=directory,
                environment=environment,
                streams=(theirs.fileno(), theirs.fileno()),
            )
        return cls(process, *await asyncio.open_connection(sock=ours))

    @property
    def returncode(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """The same, waited for."""
        await eventually(lambda: self.returncode is not None)
        return self._process.wait()

    async def communicate(self) -> tuple[bytes, bytes]:
        """What it still says, to its end."""
        said = await self.stderr.read()
        self._said.close()
        await self.wait()
        return b"", said

"""Several processes that serve one port: started, replaced when they die, stopped together.

Each has listening sockets of its own, over which the kernel spreads the connections. This process
holds them too: what comes in while a worker is being replaced waits for its successor.
"""

import asyncio
import contextlib
import math
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.errors import GatewayError
from common.given import environment_with
from common.logs import get_logger
from common.process import stop_event
from common.settings import Settings
from common.watching import metrics
from gateway_api.start import listen_shared

log = get_logger(__name__)

PAUSE_S = 1.0  # before one that lived shortly is replaced
_SHORTLY_S = 10.0
_END_S = 5.0  # how much longer than its requests a worker may take to stop
_IN_ORDER = (0, -signal.SIGTERM, -signal.SIGINT)  # the signals: one that did not serve yet

Sockets = Sequence[socket.socket]


def serve_with_workers(settings: Settings, count: int) -> None:
    """Serve with so many processes until SIGTERM or SIGINT, as `server.serve` does with one.

    Raises GatewayError when the port cannot be listened on; SystemExit with the code of the first
    worker when that cannot start, having said why, or with 1 when one did not stop in order.
    """
    with _metrics_directory() as directory:
        shares = listen_shared(settings, count)
        try:
            code = asyncio.run(Workers(settings, shares, directory).run())
        finally:
            for listener in (one for share in shares for one in share):
                listener.close()
    log.info("api stopped")
    if code:
        sys.exit(code)


class Workers:
    """The processes, one for each share of the listening sockets.

    directory: where they keep their metrics.
    """

    def __init__(self, settings: Settings, shares: Sequence[Sockets], directory: str) -> None:
        self._settings = settings
        self._shares = shares
        self._directory = directory
        self._alive: set[_Worker] = set()
        self._stopping = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Keep all of them running until a signal; the exit code of the whole."""
        self._stopping = stop_event()
        port = self._shares[0][0].getsockname()[1]
        host, count = self._settings.api_host, len(self._shares)
        log.info("api listening", host=host, port=port, workers=count)
        try:
            first = await self._start(self._shares[0])
        except OSError as error:
            raise GatewayError(
                f"a worker cannot be started: {error.strerror}; raise the limit of processes or of "
                "open files, or set GATEWAY_API_WORKERS to 1"
            ) from error
        try:
            # What keeps it from serving would keep the others, and is said once.
            if not await self._serves(first) and not self._stopping.is_set():
                return await first.process.wait() or 1
            keepers = [asyncio.create_task(self._keep(self._shares[0], first))]
            keepers += [asyncio.create_task(self._keep(share)) for share in self._shares[1:]]
            await self._stopping.wait()
            await self._stop(keepers)
            return self._exit_code
        finally:
            self._signal(signal.SIGTERM)

    async def _serves(self, worker: "_Worker") -> bool:
        """Wait until it serves, it has ended, or all are to stop."""
        serving = asyncio.create_task(worker.is_serving())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if serving.done():
            return serving.result()
        serving.cancel()
        return False

    async def _keep(self, share: Sockets, worker: "_Worker | None" = None) -> None:
        """Have a worker for this share until all are to stop; one that is there is waited for."""
        clock = asyncio.get_running_loop().time
        while worker or not self._stopping.is_set():
            began_at = clock()
            try:
                await self._live(worker or await self._start(share))
            except OSError:
                log.exception("a worker could not be started")
            worker = None
            if clock() < began_at + _SHORTLY_S:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), PAUSE_S)

    async def _start(self, share: Sockets) -> "_Worker":
        """A new process; it does not serve yet."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(ours.close)
            descriptors = [theirs.fileno(), *(listener.fileno() for listener in share)]
            with _deaf_to_ctrl_c():
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "gateway_api.worker", *map(str, descriptors)),
                    pass_fds=descriptors,
                    env=environment_with(**{metrics.SHARED_DIRECTORY: self._directory}),
                )
            unless_started.pop_all()
        worker = _Worker(process, ours)
        self._alive.add(worker)
        return worker

    async def _live(self, worker: "_Worker") -> None:
        """Wait for the end of one, and clear up after it."""
        code = await worker.process.wait()
        worker.lifeline.close()
        self._alive.discard(worker)
        metrics.forget_process(worker.process.pid, self._directory)
        if not self._stopping.is_set():
            log.error("a worker has died; another begins", pid=worker.process.pid, code=code)
        elif code not in _IN_ORDER:
            log.error("a worker did not stop in order", pid=worker.process.pid, code=code)
            self._exit_code = 1

    async def _stop(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Let all end what they have in hand, and kill those that take too long."""
        for listener in [one for share in self._shares for one in share]:
            listener.close()  # or clients would wait where nobody serves
        self._signal(signal.SIGTERM)
        limit_s = math.ceil(self._settings.stop_timeout_s) + _END_S
        _, hanging = await asyncio.wait(keepers, timeout=limit_s)
        if hanging:
            self._signal(signal.SIGKILL)
            await asyncio.wait(hanging)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._alive:
            send_signal(worker.process, number)


def send_signal(process: Process, number: signal.Signals) -> None:
    """Signal it if it runs.

    Its own `send_signal` first looks whether it has ended, and so may fetch the exit code away from
    who waits for it, who is then told 255 (CPython 3.11, gh-87744).
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


@dataclass(frozen=True, eq=False, slots=True)
class _Worker:
    """One process, and our end of the lifeline: it ends when that is closed, by our death too."""

    process: Process
    lifeline: socket.socket

    async def is_serving(self) -> bool:
        """Wait until it serves; False when it has ended instead."""
        said = await asyncio.get_running_loop().sock_recv(self.lifeline, 1)
        return said != b""


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What a process that is started within takes over, until it lets Ctrl-C through itself."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@contextlib.contextmanager
def _metrics_directory() -> Iterator[str]:
    """Where the workers keep their metrics, for as long as they run."""
    try:
        directory = tempfile.TemporaryDirectory(prefix="gateway-api-", ignore_cleanup_errors=True)
    except OSError as error:
        raise GatewayError(
            f"several workers keep their metrics in a directory of their own: {error}; let TMPDIR "
            "name a directory that can be written to, or set GATEWAY_API_WORKERS to 1"
        ) from error
    with directory as path:
        yield path

"""A RabbitMQ server of this machine's own installation, run as a private node by one user.

Nothing of a system broker is used or touched: own epmd, own ports on loopback only, own cookie,
data, logs and configuration in the node's directory.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from deploy.local.guard import end_guarded, start_guarded
from deploy.local.process import (
    BrokerError,
    boot_failure,
    end_leftover,
    is_process,
    run_command,
    tail,
)

# The directory of RabbitMQ's own scripts. The commands that packages put into PATH are wrappers
# which switch to the user "rabbitmq"; only the real directory holds rabbitmq-env.
_SCRIPT_DIRS = (
    "/usr/lib/rabbitmq/bin",
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/usr/lib64/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/usr/local/lib/rabbitmq/lib/erlang/lib/rabbitmq_server-*/sbin",
)
_EPMD = ("/usr/lib/erlang/erts-*/bin/epmd", "/usr/lib64/erlang/erts-*/bin/epmd")
_EXTRA_PATH = "/usr/local/bin:/opt/homebrew/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# RabbitMQ 3.10 spends 5 s of every stop in a time-out between this event handler and its own
# event process; taken out beforehand, a stop takes about 1 s. Without one it does nothing.
_LET_GO = "gen_event:delete_handler(rabbit_event, rabbit_mgmt_db_handler, stop)."


def find_scripts() -> Path | None:
    """Return the directory of RabbitMQ's own scripts, or None when RabbitMQ is not installed."""
    found = [path for pattern in _SCRIPT_DIRS for path in sorted(Path("/").glob(pattern[1:]))]
    on_path = shutil.which("rabbitmq-server")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return next((path for path in found if (path / "rabbitmq-env").exists()), None)


def find_epmd() -> str | None:
    """Return Erlang's port mapper, or None when Erlang is not installed."""
    found = shutil.which("epmd", path=os.environ.get("PATH", "") + ":" + _EXTRA_PATH)
    matches = [str(path) for pattern in _EPMD for path in sorted(Path("/").glob(pattern[1:]))]
    return found or next(iter(matches), None)


class Epmd:
    """The port mapper of one node or of one host's cluster; runs while any node uses it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._directory = directory
        self._users: set[str] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    def acquire(self, node_name: str) -> None:
        """Have the port mapper running, for this node too."""
        self._users.add(node_name)
        if self._guard and self._guard.poll() is None:
            return
        for pid_file in self._directory.glob("epmd-*.pid"):
            end_leftover(pid_file, f"-port {pid_file.stem.removeprefix('epmd-')}")
        program = find_epmd()
        if not program:
            raise BrokerError("Erlang's port mapper epmd was not found; reinstall Erlang.")
        # In the foreground: started by Erlang itself it would be a daemon on every interface,
        # and outlive its nodes.
        self._guard = start_guarded(
            [program, "-address", "127.0.0.1", "-port", str(self.port)],
            env={"PATH": os.environ.get("PATH", _EXTRA_PATH)},
            log_file=self._directory / "log" / "epmd.log",
            pid_file=self._directory / f"epmd-{self.port}.pid",
        )
        self._await_port()

    def release(self, node_name: str) -> None:
        """Let the port mapper go; the last node's release ends it."""
        self._users.discard(node_name)
        if self._guard and not self._users:
            end_guarded(self._guard)
            self._guard = None
            (self._directory / f"epmd-{self.port}.pid").unlink(missing_ok=True)

    def _await_port(self, timeout_s: float = 10) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise BrokerError(f"Erlang's port mapper did not open port {self.port} on 127.0.0.1.")


class LocalServer:
    """The rabbitmq-server process of one node, with its files and its port mapper."""

    listen_address = "127.0.0.1"
    console = False

    def __init__(
        self,
        scripts: Path,
        directory: Path,
        node_name: str,
        dist_port: int,
        epmd: Epmd,
        cookie: str,
    ) -> None:
        self.node_name = node_name
        self.epmd = epmd
        self.cookie = cookie
        self._scripts = scripts
        self._directory = directory
        self._mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
        self._link = Path(tempfile.gettempdir()) / f"gateway-{os.getuid()}-{self._mark}"
        self._dist_port = dist_port
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def launch(self, config: str) -> None:
        """Start the server after ending what an earlier run has left; does not wait for it."""
        self._take_directory()
        end_leftover(self._pid_file, self._mark)
        self._write_files(config)
        self.epmd.acquire(self.node_name)
        (self._directory / "log" / "console.log").unlink(missing_ok=True)
        self._guard = start_guarded(
            [str(self._scripts / "rabbitmq-server")],
            env=self._environment(),
            log_file=self._directory / "log" / "console.log",
        )

    def is_running(self) -> bool:
        """Tell whether the server process lives."""
        return self._guard is not None and self._guard.poll() is None

    def end(self, timeout_s: float) -> None:
        """Stop the server in good order, or by force after timeout_s; leave no process."""
        if not self._lock:
            return  # not started, or the directory is another owner's
        if self._guard and self.is_running() and timeout_s > 0:
            with contextlib.suppress(BrokerError):
                self.ctl(["rabbitmqctl", "eval", _LET_GO], timeout_s=5)
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(timeout_s)
        if self._guard:
            end_guarded(self._guard)
            self._guard = None
        self.epmd.release(self.node_name)
        if self._link.is_symlink():
            self._link.unlink()
        self._lock.close()
        self._lock = None

    def kill(self) -> None:
        """Kill the Erlang machine with SIGKILL, as a crash would; the port mapper stays."""
        if self._guard and self.is_running():
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(5)
            end_guarded(self._guard)

    def ctl(self, arguments: list[str], timeout_s: float) -> str:
        """Run rabbitmqctl or its like against this node and return what it printed."""
        tool, *rest = arguments
        command = [str(self._scripts / tool), "--silent", *rest]
        return run_command(command, timeout_s, env=self._environment())

    def log_tail(self) -> str:
        """Return the last lines of the server's output and log, for an error's text."""
        log = self._directory / "log"
        return tail(log / ("console.log" if boot_failure(log / "console.log") else "node.log"))

    @property
    def _pid_file(self) -> Path:
        return self._directory / "beam.pid"

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if is_process(pid, self._mark):
                os.kill(pid, number)
                return
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()  # too young to have written its id: kill the whole group

    def _take_directory(self) -> None:
        """Hold the directory's lock until the end, so that two owners never share a node."""
        if self._lock:
            return
        lock = (self._directory / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise BrokerError(
                f"The private RabbitMQ in {self._directory} is in use by another process;"
                " stop that one first."
            ) from None
        self._lock = lock

    def _write_files(self, config: str) -> None:
        (self._directory / "rabbitmq.conf").write_text(config)
        cookie = self._directory / ".erlang.cookie"
        cookie.unlink(missing_ok=True)
        cookie.write_text(self.cookie)
        cookie.chmod(0o400)
        (self._directory / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self._directory / "env.conf").write_text("")  # or the system's one would be read

    def _path(self) -> Path:
        """The directory as RabbitMQ is told it: its scripts and its file names need plain ASCII."""
        plain = re.fullmatch(r"[A-Za-z0-9_./+-]{1,150}", str(self._directory))
        if plain:
            return self._directory
        with contextlib.suppress(FileExistsError):
            self._link.symlink_to(self._directory)
        if self._link.lstat().st_uid != os.getuid() or self._link.readlink() != self._directory:
            raise BrokerError(f"{self._link} is in the way of the private RabbitMQ; remove it.")
        return self._link

    def _environment(self) -> dict[str, str]:
        """Everything that RabbitMQ reads from its environment; nothing of ours leaks into it."""
        path = self._path()
        return {
            "PATH": os.environ.get("PATH", "") + ":" + _EXTRA_PATH,
            "LANG": "C.UTF-8",
            "HOME": str(path),
            "RABBITMQ_NODENAME": self.node_name,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(path / "data"),
            "RABBITMQ_LOG_BASE": str(path / "log"),
            "RABBITMQ_LOGS": str(path / "log" / "node.log"),
            "RABBITMQ_PID_FILE": str(path / "beam.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(path / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(path / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(path / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(path / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(path / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-gateway_node {self._mark}",
            "ERL_EPMD_PORT": str(self.epmd.port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Its own port mapper was started before it: one that it would start nobody would end.
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            "ERL_CRASH_DUMP": str(path / "erl_crash.dump"),
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

"""Short words about processes: is it ours, end it, run it, what did it say."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from common.errors import GatewayError


class BrokerError(GatewayError):
    """The private RabbitMQ node could not be started, reached or told."""


def is_process(pid: int, words: str) -> bool:
    """Tell whether the process lives (a zombie does not) and its command line has these words."""
    try:
        line = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        if Path("/proc/self").exists():
            return False
        shown = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        line = subprocess.run(shown, capture_output=True, text=True, check=False).stdout
    return words in line


def end_leftover(pid_file: Path, words: str, timeout_s: float = 10) -> None:
    """Kill the process named by a pid file, if it is the one that we mean, and await its end."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text())
        deadline = time.monotonic() + timeout_s
        while is_process(pid, words):
            if time.monotonic() > deadline:
                raise BrokerError(f"Process {pid}, left over by an earlier run, does not end.")
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def run_command(command: list[str], timeout_s: float, env: dict[str, str] | None = None) -> str:
    """Run a short command and return its output; raises BrokerError with what it said."""
    name = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(
            command, env=env, timeout=timeout_s, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BrokerError(f"`{name}` did not answer within {timeout_s:g} s.") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise BrokerError(f"`{name}` failed: {' '.join(said[:3]) or done.returncode}")
    return done.stdout


def tail(file: Path, lines: int = 10) -> str:
    """Return a log's last lines, or from a failed boot's report its first; nothing without file."""
    text = _read(file)
    _, failed, report = text.partition("BOOT FAILED")
    chosen = report.splitlines()[2 : 2 + lines] if failed else text.splitlines()[-lines:]
    return "\n".join(chosen)


def boot_failure(console: Path) -> str | None:
    """Return in words why the boot failed, by RabbitMQ's output, or None when it did not fail.

    RabbitMQ reports it some 10 s before it ends.
    """
    text = _read(console)
    if "BOOT FAILED" not in text:
        return None
    taken = "eaddrinuse" in text
    return "could not start: another program has its port" if taken else "could not start"


def _read(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace")
    return ""

"""Run a command that must not outlive the process which started it, however that one ends.

The guard is a small process between the two, in a session of its own, so that Ctrl-C in the
terminal does not reach the command. It holds a pipe to its owner: when the pipe closes, by the
owner's choice or by its death (`kill -9` included), the command's process group is killed.
It is run as a file with the standard library alone, which keeps its start at some 20 ms.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_guarded(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log_file: Path,
    pid_file: Path | None = None,
    at_end: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start a command under a guard; closing the returned process's stdin kills the command.

    The guard ends when the command has ended. The command's output goes to log_file, its process
    id to pid_file. at_end is one more command, run after the end, for what a signal cannot reach.
    """
    order = json.dumps(
        {
            "command": list(command),
            "pid_file": os.fspath(pid_file) if pid_file else "",
            "at_end": list(at_end),
        }
    )
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, order],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def end_guarded(guard: subprocess.Popen[bytes], timeout_s: float = 10) -> None:
    """Kill the guarded command, if it still runs, and wait until its guard is gone."""
    if guard.stdin:
        guard.stdin.close()
    guard.wait(timeout_s)


def _guard(order: str) -> int:
    """Run the ordered command and return its exit code; the owner holds our standard input."""
    words = json.loads(order)
    child = subprocess.Popen(words["command"], stdin=subprocess.DEVNULL, process_group=0)

    def kill(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def kill_when_owner_is_gone() -> None:
        sys.stdin.buffer.read()
        kill()

    signal.signal(signal.SIGTERM, kill)
    if words["pid_file"]:
        Path(words["pid_file"]).write_text(f"{child.pid}\n")
    threading.Thread(target=kill_when_owner_is_gone, daemon=True).start()
    exit_code = child.wait()
    kill()  # what the command left behind in its group
    if words["at_end"]:
        subprocess.run(words["at_end"], stdin=subprocess.DEVNULL, check=False)
    sys.stdout.flush()
    # Past the interpreter's own end, which would wait for the thread that still reads.
    os._exit(exit_code & 0xFF)


if __name__ == "__main__":
    _guard(sys.argv[1])

"""CPU and memory of a process and all that it has started, from /proc."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOOK_EVERY_S = 0.5


def tree(pid: int) -> list[int]:
    """The process and all processes below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU that the tree has used, ended children included."""
    return sum(_ticks(one) for one in tree(pid)) / _TICKS_PER_S


def _ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        # After the name, which may hold spaces: utime, stime and those of awaited children.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))
    return 0


def memory_mb(pid: int, kind: str = "Pss") -> float:
    """Megabytes of the tree; `Pss` counts what processes share once, `Rss` for each."""
    return sum(_kilobytes(one, kind) for one in tree(pid)) / 1024


def _kilobytes(pid: int, kind: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1])
    return 0


class PeakMemory:
    """The most megabytes (PSS) that a tree was seen with while the block ran."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._pid = pid
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        for _ in self._moments():
            self.mb = max(self.mb, memory_mb(self._pid))

    def _moments(self) -> Iterator[None]:
        while not self._ending.wait(_LOOK_EVERY_S):
            yield
        yield

"""The archives that were downloaded, remembered for as long as their letters may be discarded."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from broker_topology.dead_letters.sealed import Copied
from broker_topology.dead_letters.selection import Selection
from common.http.problems import Problem
from console.jobs.job import Job

KEPT_S: Final = 3600.0
MOST_LETTERS: Final = 1_000_000
"""In all archives together; each takes 16 bytes."""
MOST_KEPT: Final = 1000
"""Archives; those of nothing have no letters that could be counted."""


@dataclass(eq=False)
class Archive:
    """What was downloaded whole, but for the ids asked for; job: the latest that discards it."""

    selection: Selection
    copied: Copied
    at: float
    job: Job | None = None


class Archives:
    """The latest MOST_KEPT archives: for an hour, and of MOST_LETTERS letters; the oldest go."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._archives: dict[str, Archive] = {}

    def keep(self, selection: Selection, copied: Copied) -> None:
        """Remember it."""
        self._forget(MOST_LETTERS - copied.seal.letters, MOST_KEPT - 1)
        # What a client wrote may be as long as it likes, and discarding needs none of it.
        selection = replace(selection, ids=frozenset())
        copied = replace(copied, seal=copied.seal.model_copy(update={"missing": []}))
        self._archives[copied.seal.archive] = Archive(selection, copied, self._clock())

    def find(self, name: str, letters: int, sha256: str) -> Archive:
        """The archive of this name, if whoever asks has it whole. Raises Problem."""
        archive = self.get(name)
        seal = archive.copied.seal
        if (letters, sha256.lower()) != (seal.letters, seal.sha256):
            sentence = f"the archive {seal.archive} has {seal.letters} letters, and another sha256"
            raise Problem("archive_differs", sentence)
        return archive

    def get(self, name: str) -> Archive:
        """The archive of this name, if it was proved before to be whole. Raises Problem."""
        self._forget(MOST_LETTERS, MOST_KEPT)
        if archive := self._archives.get(name):
            return archive
        raise Problem("archive_not_found", f"there is no archive {name[:80]}")

    def _forget(self, most_letters: int, most: int) -> None:
        letters = sum(one.copied.seal.letters for one in self._archives.values())
        for name, archive in [*self._archives.items()]:
            is_too_much = letters > most_letters or len(self._archives) > most
            if is_too_much or self._clock() > archive.at + KEPT_S:
                letters -= archive.copied.seal.letters
                del self._archives[name]

"""Archives on the console's disk: what it discarded, for as long as that can be undone."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from pydantic import JsonValue

from common.http.problems import Problem
from common.logs import get_logger
from common.settings import Settings
from common.times import utc_now

log = get_logger(__name__)

_TIDIED_EACH_S: Final = 3600.0
_NAME: Final = re.compile(r"discarded-\d{8}T\d{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class KeptArchive:
    """One of them: when it was written to last, and until when it can be put back."""

    name: str
    bytes: int
    at: datetime
    until: datetime

    def document(self) -> dict[str, JsonValue]:
        """What is shown of it."""
        return {
            "archive": self.name,
            "bytes": self.bytes,
            "at": self.at.isoformat(timespec="seconds"),
            "until": self.until.isoformat(timespec="seconds"),
        }


class KeptArchives:
    """The files, one for each discard: lines as `gateway dead export` writes them.

    They hold recipients and contents: readable by the console's user only, and removed after
    `GATEWAY_CONSOLE_KEEP_ARCHIVES_DAYS`.
    """

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.state_directory / "dead-letters" / "console"
        self._kept = timedelta(days=settings.console_keep_archives_days)

    def new_name(self) -> str:
        """The name of an archive that is about to be written."""
        return f"discarded-{utc_now():%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"

    def path(self, name: str) -> Path:
        """Where an archive is, or is going to be. Raises Problem for what is none of ours."""
        if not _NAME.fullmatch(name):
            raise Problem("archive_not_found", f"there is no archive {name[:80]}")
        return self._directory / f"{name}.jsonl"

    def find(self, name: str) -> Path:
        """The file of an archive that is there. Raises Problem."""
        file = self.path(name)
        if not file.is_file():
            raise Problem("archive_not_found", f"there is no archive {name}; its time may be over")
        return file

    def all(self) -> list[KeptArchive]:
        """Those that are there, the latest first."""
        files = [one for one in self._directory.glob("*.jsonl") if _NAME.fullmatch(one.stem)]
        told = filter(None, map(self._told, files))
        return sorted(told, key=lambda one: one.at, reverse=True)

    def forget_old(self) -> int:
        """Remove those whose time is over; returns how many."""
        old = [one for one in self.all() if one.until < utc_now()]
        for one in old:
            file = self.path(one.name)
            file.unlink(missing_ok=True)
            file.with_name(f"{file.name}.imported").unlink(missing_ok=True)
        return len(old)

    def _told(self, file: Path) -> KeptArchive | None:
        try:
            found = file.stat()
        except FileNotFoundError:  # another console has removed it meanwhile
            return None
        at = datetime.fromtimestamp(found.st_mtime, UTC)
        return KeptArchive(file.stem, found.st_size, at, at + self._kept)


async def keep_tidy(kept: KeptArchives) -> None:
    """Remove archives when their time is over, until cancelled."""
    while True:
        try:
            await asyncio.to_thread(kept.forget_old)
        except OSError as error:
            log.warning("old archives cannot be removed", detail=str(error))
        await asyncio.sleep(_TIDIED_EACH_S)

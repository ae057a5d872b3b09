"""The doctor, asked by a page: it runs as a process of its own, and what it found stays.

So the console holds nothing of what the doctor needs, which is the code of every process.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from broker_topology.rights import sender
from common.channels import FACTS
from common.http.catalogue import CONSOLE
from common.logs import get_logger
from common.settings import Settings
from common.times import utc_now
from common.watching.finding import Finding, State

log = get_logger(__name__)

_LONGEST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What one run found; fault: why it found nothing."""

    at: datetime
    took_s: float
    findings: tuple[Finding, ...]
    fault: str = ""


class Doctor:
    """One for all pages: who asks while it runs waits for the same."""

    def __init__(self, settings: Settings) -> None:
        senders = (
            sender(channel)
            for channel, facts in FACTS.items()
            if getattr(settings, facts.credential) is not None
        )
        own = [CONSOLE, *senders]
        self._own = tuple(word for role in own for word in ("--role", role))
        self._task: asyncio.Task[None] | None = None
        self.last: Examined | None = None
        self.began_at: datetime | None = None

    @property
    def command(self) -> str:
        """What does the same in a terminal."""
        return " ".join(("gateway", "doctor", *self._own))

    def begin(self, *, everything: bool = False) -> None:
        """Look, unless it does already; everything: as if each process had these settings."""
        if self._task is None:
            self.began_at = utc_now()
            words = () if everything else self._own
            self._task = asyncio.create_task(self._look(words), name="doctor")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look(self, words: tuple[str, ...]) -> None:
        began, at = time.monotonic(), utc_now()
        try:
            findings, fault = await _run(words)
            self.last = Examined(at, time.monotonic() - began, findings, fault)
        finally:
            self._task = self.began_at = None


async def _run(words: tuple[str, ...]) -> tuple[tuple[Finding, ...], str]:
    """What it found, or why there is nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "admin", "doctor", "--json", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LONGEST_S):
            said, complained = await process.communicate()
        checks = json.loads(said)["checks"]
        return tuple(
            Finding(one["check"], State(one["state"]), one["detail"]) for one in checks
        ), ""
    except TimeoutError:
        return (), f"`gateway doctor` has not ended within {_LONGEST_S:g} s"
    except (ValueError, KeyError, TypeError):
        log.warning("doctor told nothing", detail=complained.decode(errors="replace")[-500:])
        return (), "`gateway doctor` told nothing: the console's log says why"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

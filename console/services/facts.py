"""What the store tells of the whole: processes, what stands still, what came of the last hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.envelope import EventType
from store.processes import ProcessRow, load_processes
from store.stalled import count_stalled
from store.statistics import EVERYBODY, read_counts

SILENT_AFTER_MS: Final = 30_000
_LATELY_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_WELL: Final = "ok"
# How a sender's word begins where only a person can mend its account.
_REFUSED: Final = ("refused", "many different recipients", "all that was lately")


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it last said. is_alive: heard of within 30 s, and not stopped."""

    kind: str
    host: str
    pid: int | None
    version: str
    lanes: int | None
    busy: int | None
    account: str
    pauses: Sequence[dict[str, str]]
    started_at_ms: int
    seen_at_ms: int
    is_alive: bool

    @property
    def is_well(self) -> bool:
        """Whether its provider has nothing against it."""
        return self.account in ("", _WELL)

    @property
    def is_refused(self) -> bool:
        """Whether its account waits for a person."""
        return self.account.startswith(_REFUSED)


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """sent, failed: in the last hour; failed_before: in the one before; at_ms: when it was read."""

    processes: tuple[Process, ...]
    stalled: int
    sent: int
    failed: int
    failed_before: int
    at_ms: int


def read_facts(connection: Any, now_ms: int) -> StoreFacts:
    """A query of the store."""
    end = now_ms // _MINUTE_MS + 1
    first = end - 120
    hours = read_counts(connection, first, end, 60, EVERYBODY)

    def count(span: int, kind: str) -> int:
        return sum(one.number for one in hours if (one.span, one.kind) == (span, kind))

    rows = load_processes(connection, now_ms - _LATELY_MS)
    processes = tuple(process_of(row, now_ms) for row in rows if not row.state.get("stopped"))
    return StoreFacts(
        processes=processes,
        stalled=count_stalled(connection),
        sent=count(1, EventType.SENT),
        failed=count(1, EventType.FAILED),
        failed_before=count(0, EventType.FAILED),
        at_ms=now_ms,
    )


def process_of(row: ProcessRow, now_ms: int) -> Process:
    """A row as it is shown."""
    said = row.state
    return Process(
        kind=row.kind,
        host=row.host,
        pid=said.get("pid"),
        version=row.version,
        lanes=said.get("lanes"),
        busy=said.get("busy"),
        account=said.get("account") or "",
        pauses=said.get("pauses") or (),
        started_at_ms=row.started_at_ms,
        seen_at_ms=row.seen_at_ms,
        is_alive=now_ms - row.seen_at_ms <= SILENT_AFTER_MS and not said.get("stopped"),
    )

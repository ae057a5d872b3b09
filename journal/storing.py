"""Facts into the store, whatever becomes of single ones: blocking, for a thread."""

from collections.abc import Sequence

from broker_topology.facts import Fact
from common.logs import get_logger
from common.times import epoch_ms
from common.watching.heartbeat import Heartbeat
from journal.reading import Reading, Refused, Told
from journal.recording import record
from store.database import Database, NotStorable, StoreUnavailable
from store.processes import ProcessRow, save_processes
from store.schema import check

log = get_logger(__name__)


def store(
    database: Database, reading: Reading, heard_at_ms: int, disabled_after_s: float
) -> list[Refused]:
    """Store all that a batch tells; returns what cannot be stored.

    heard_at_ms: whatever was told before it is in the store afterwards; disabled_after_s: for how
    long an endpoint's callbacks may fail. Raises StoreUnavailable, and SchemaError when the tables
    became those of another version: what they refuse is no fault of a fact's.
    """
    try:
        refused = _store_facts(database, reading.facts, heard_at_ms, disabled_after_s)
        _store_beats(database, reading.beats)
    except StoreUnavailable:
        check(database)
        raise
    if refused:
        check(database)
    return refused


def _store_facts(
    database: Database, facts: Sequence[Told], heard_at_ms: int, disabled_after_s: float
) -> list[Refused]:
    """In one transaction; when one of them is at fault, in two halves, and so on."""
    try:
        record(database, [one.fact for one in facts], heard_at_ms, disabled_after_s)
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(facts) > 1:
            half = len(facts) // 2
            # What the others are is not known before all are stored: they count as heard at last.
            refused = _store_facts(database, facts[:half], 0, disabled_after_s)
            rest = _store_facts(database, facts[half:], heard_at_ms, disabled_after_s)
            return refused + rest
        if not facts:
            raise
        return [Refused(facts[0].received, _reason(facts[0].fact, error))]
    return []


def _store_beats(database: Database, beats: Sequence[Heartbeat]) -> None:
    """Together; when one of them is at fault, each by itself, and that one is left out."""
    if not beats:
        return
    try:
        with database.writing() as connection:
            save_processes(connection, [_row(beat) for beat in beats])
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(beats) == 1:
            log.error("a sign of life cannot be stored", kind=beats[0].kind, detail=str(error))
            return
        for beat in beats:
            _store_beats(database, [beat])


def _reason(fact: Fact, error: Exception) -> str:
    if isinstance(error, NotStorable):
        return str(error)
    log.exception("a fact cannot be stored", fact=str(fact.id), type=str(fact.type))
    return f"a fault of the gateway's own ({type(error).__name__}): the journal's log has more"


def _row(beat: Heartbeat) -> ProcessRow:
    return ProcessRow(
        id=beat.id,
        kind=beat.kind,
        host=beat.host,
        version=beat.version,
        started_at_ms=epoch_ms(beat.started_at),
        seen_at_ms=epoch_ms(beat.at),
        state=beat.model_dump(
            include={"pid", "lanes", "busy", "account", "pauses", "stopped"}, mode="json"
        ),
    )

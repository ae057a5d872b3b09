"""What became of callbacks: whether their endpoints still take any; pure.

Facts may come in any order and again, so times decide: what was told of a moment before an endpoint
came into its state says nothing about that.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from broker_topology.facts import Accepted, Fact
from common.channels import Channel
from common.envelope import CALLBACK, Event, EventType, Origin, Status
from common.logs import get_logger
from common.times import epoch_ms
from common.webhooks.events import DISABLED, STOPPED
from store.bulk import Row
from store.callbacks.endpoints import Endpoint, State
from store.facts import Book

log = get_logger(__name__)

ENDED: Final = {State.STOPPED: STOPPED, State.DISABLED: DISABLED}
"""State → type of the fact that it has begun."""

_GONE: Final = "gone"
_OURS: Final = frozenset({"no-secret"})  # codes of what is no fault of an endpoint's
_FAILURES: Final = frozenset({EventType.RETRYING, EventType.FAILED})


def is_of_callback(fact: Fact) -> bool:
    """Whether it is about a delivery that tells an endpoint what became of another one."""
    origin = _origin(fact)
    return origin is not None and origin.kind == CALLBACK


def called_back(facts: Iterable[Fact]) -> set[str]:
    """The endpoints that these facts about callbacks are about."""
    return {origin.id for fact in facts if (origin := _origin(fact))}


def note_outcomes(
    endpoints: Iterable[Endpoint],
    facts: Sequence[Fact],
    book: Book,
    disabled_after_s: float,
    now_ms: int,
) -> list[Row]:
    """Note what these facts make of endpoints; returns the facts that some have ended, as rows."""
    known = {one.id: one for one in endpoints}
    rows: list[Row] = []
    for fact in facts:
        origin = _origin(fact)
        one = known.get(origin.id) if origin else None
        if (
            one is not None
            and isinstance(fact, Event)
            and note(one, fact, disabled_after_s, now_ms)
        ):
            book.last_seq += 1
            rows.append(_row(one, fact, book.last_seq))
            log.warning("endpoint is called back no more", endpoint=one.id, reason=one.reason)
    return rows


def note(one: Endpoint, fact: Event, disabled_after_s: float, now_ms: int) -> bool:
    """Enter one fact about a callback to this endpoint; whether it ended the endpoint.

    now_ms: nothing has happened later, whatever the clock of a sender says.
    """
    if fact.address not in (None, one.url):
        return False  # an operator has redirected it: another URL answered
    at_ms = min(epoch_ms(fact.at), now_ms)
    if fact.type is EventType.SENT:
        one.sent_at_ms = max(at_ms, one.sent_at_ms or 0)
        if one.failing_since_ms is not None and one.failing_since_ms <= at_ms:
            one.failing_since_ms = None
    elif fact.type in _FAILURES and fact.code not in _OURS:
        return _note_failure(one, fact, at_ms, disabled_after_s)
    return False


def _note_failure(one: Endpoint, fact: Event, at_ms: int, disabled_after_s: float) -> bool:
    if at_ms <= max(one.since_ms, one.sent_at_ms or 0):
        return False  # of before it was enabled again, or worked again
    one.failing_since_ms = min(at_ms, one.failing_since_ms or at_ms)
    if one.state is not State.ACTIVE:
        return False
    if fact.type is EventType.FAILED and fact.code == _GONE:
        _end(one, State.STOPPED, "it answered 410: gone", at_ms)
        return True
    if at_ms - one.failing_since_ms >= disabled_after_s * 1000:
        days = disabled_after_s / 86_400
        _end(one, State.DISABLED, f"every callback failed for {days:g} days", at_ms)
        return True
    return False


def _end(one: Endpoint, state: State, reason: str, at_ms: int) -> None:
    one.state, one.reason, one.since_ms = state, reason, at_ms


def _origin(fact: Fact) -> Origin | None:
    return fact.delivery.origin if isinstance(fact, Accepted) else fact.origin


def _row(one: Endpoint, fact: Event, seq: int) -> Row:
    """The values of the columns of `events`: about the callback that was the last."""
    kind = ENDED[one.state]
    return (
        seq,
        _fact_id(one, kind),
        kind,
        fact.notification_id,
        1,
        Channel.WEBHOOK,
        one.owner or None,
        one.since_ms,
        fact.generation,
        fact.attempt,
        Status.FAILED,
        Status.FAILED,
        False,
        one.url,
        fact.outcome,
        fact.code,
        one.reason,
        *_NOTHING_MORE,
    )


_NOTHING_MORE: Final = (None,) * 6


def _fact_id(one: Endpoint, kind: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"gateway:{one.id}/{one.since_ms}/{kind}")

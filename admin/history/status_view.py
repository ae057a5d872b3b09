"""One notification in lines for people; pure."""

from collections.abc import Iterator
from datetime import datetime

from admin.command_line.printing import age, in_largest_unit
from admin.command_line.shown import escaped
from admin.history.masking import Document
from admin.live.reasons import one_line

_MOST_CHARS = 200  # of a provider's words; --json has all of them
ERASED = "recipient erased"


def is_complete(document: Document) -> bool:
    """Whether nothing more becomes of it by itself."""
    return document["completed_at"] is not None


def status_lines(document: Document, marked: str, now: datetime) -> Iterator[str]:
    """All that is known of it; `*` stands before the delivery that was asked for."""
    accepted = moment_of(document["accepted_at"])
    yield (
        f"{document['id']}  {document['status']}, accepted {local(accepted)}, "
        f"{age(accepted, now)} ago"
    )
    if document["subject"]:
        yield f"  {one_line(document['subject'], _MOST_CHARS)}"
    if document["tags"]:
        yield f"  tags: {escaped(', '.join(document['tags']))}"
    for one in document["deliveries"]:
        yield f"{'*' if one['id'] == marked else ' '} {_delivery(one, now)}"
        yield from (f"    {_attempt(attempt)}" for attempt in one["attempts"])
        yield from (f"    {line}" for line in _notes(one))


def changes(before: Document | None, after: Document) -> Iterator[str]:
    """A line for each delivery that is no more what it was."""
    known = {one["id"]: _state(one) for one in before["deliveries"]} if before else {}
    for one in after["deliveries"]:
        if known.get(one["id"]) != _state(one):
            words = [one["id"], one["to"] or ERASED, one["status"]]
            yield escaped("  ".join([*words, *_reason_now(one)]))


def moment_of(text: str | None) -> datetime | None:
    """A moment as the API writes it."""
    return None if text is None else datetime.fromisoformat(text)


def local(moment: datetime | None) -> str:
    """As people here write it."""
    return "–" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _state(one: Document) -> tuple[object, ...]:
    return (one["status"], one["generation"], one["attempt"], one["next_at"], one["held"])


def _reason_now(one: Document) -> Iterator[str]:
    """Why it is not sent, if it was not."""
    if one["status"] == "sent":
        return
    last: Document = one["dead_letter"] or (one["attempts"][-1] if one["attempts"] else {})
    words = one["held"] or _words(last)
    if words:
        yield one_line(words, _MOST_CHARS)
    if one["next_at"]:
        yield f"again at {_clock(one['next_at'])}"


def _delivery(one: Document, now: datetime) -> str:
    words = [one["id"], escaped(one["to"] or ERASED), one["status"]]
    if one["held"]:
        words.append(f"held: {one_line(one['held'], _MOST_CHARS)}")
    if one["next_at"]:
        left_s = (datetime.fromisoformat(one["next_at"]) - now).total_seconds()
        words.append(f"again at {_clock(one['next_at'])}, in {in_largest_unit(left_s)}")
    if one["generation"]:
        words.append(f"put back {one['generation']}×")
    return "  ".join(words)


def _attempt(one: Document) -> str:
    words = [f"{one['number']}.", local(moment_of(one["at"]))]
    if one["took_ms"] is not None:
        words.append(f"{one['took_ms']} ms")
    words.append("perhaps delivered" if one["perhaps_delivered"] else one["outcome"] or "sent")
    words.append(one_line(_words(one), _MOST_CHARS))
    if one["next_at"]:
        words.append(f"again at {_clock(one['next_at'])}")
    return escaped("  ".join(filter(None, words)))


def _notes(one: Document) -> Iterator[str]:
    """What no attempt says."""
    if dead := one["dead_letter"]:
        last = one["attempts"][-1] if one["attempts"] else {}
        words = "" if _words(dead) == _words(last) else one_line(_words(dead), _MOST_CHARS)
        said = "  ".join(filter(None, [f"dead letter: {escaped(dead['class'] or '')}", words]))
        yield f"{said}  (`gateway dead show {one['id']}`)"
    if one["contradicted"]:
        yield "it is a dead letter too: discard that rather than send it again"


def _words(one: Document) -> str:
    return f"{one.get('code') or ''} {one.get('message') or ''}".strip()


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%H:%M:%S}"

"""Looking at dead letters straight on the broker: list, count, find; changes nothing; pika."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from broker_topology.dead_letters.letter import DeadLetter, read_letter
from broker_topology.dead_letters.queue import PATIENT, DeadLetterError, Patience, Taken, opened
from broker_topology.dead_letters.selection import Selection, by_ids


class NoSuchLetterError(DeadLetterError):
    """There is no dead letter with this id."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """A dead letter with all that the broker has of it."""

    letter: DeadLetter
    headers: dict[str, Any]
    body: bytes
    exchange: str
    routing_key: str
    message_id: str | None


def iterate(
    url: str, selection: Selection, *, patience: Patience = PATIENT
) -> Generator[DeadLetter, None, None]:
    """Yield the selected letters, oldest first within a queue; close it to stop early.

    The queue under way is locked, and what was taken from it goes back in order when the walk
    ends. Raises DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
    """
    with closing(specimens(url, selection, patience=patience)) as found:
        for specimen in found:
            yield specimen.letter


def specimens(
    url: str, selection: Selection, *, patience: Patience = PATIENT
) -> Generator[Specimen, None, None]:
    """Like `iterate`, with headers and bodies; one at a time, so keep only what is needed."""
    for name in selection.queues():
        with opened(url, name, patience) as queue, queue.walk(queue.count) as walk:
            for taken in walk.look():
                letter = letter_of(taken)
                if selection.matches(letter):
                    yield specimen_of(taken, letter)


def page(
    url: str, selection: Selection, limit: int, *, patience: Patience = PATIENT
) -> tuple[list[DeadLetter], bool]:
    """The first `limit` selected letters, and whether there are more."""
    with closing(iterate(url, selection, patience=patience)) as found:
        letters = list(islice(found, limit + 1))
    return letters[:limit], len(letters) > limit


def find(url: str, letter_id: str, *, patience: Patience = PATIENT) -> Specimen:
    """The first letter with this id. Raises NoSuchLetterError."""
    with closing(specimens(url, by_ids([letter_id]), patience=patience)) as found:
        for specimen in found:
            return specimen
    raise NoSuchLetterError(
        f"There is no dead letter {letter_id}: it may have been requeued; see `gateway dead list`."
    )


def letter_of(taken: Taken) -> DeadLetter:
    """The description of a message in hand."""
    return read_letter(
        taken.queue,
        taken.body,
        taken.headers,
        message_id=taken.properties.message_id,
        exchange=taken.exchange,
        routing_key=taken.routing_key,
    )


def specimen_of(taken: Taken, letter: DeadLetter) -> Specimen:
    """A message in hand with its description, to be kept after it went back."""
    return Specimen(
        letter,
        taken.headers,
        taken.body,
        taken.exchange,
        taken.routing_key,
        taken.properties.message_id,
    )

"""What lies in `journal.dead`: list and export; changes nothing; pika."""

import base64
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker_topology.dead_letters.archive import open_private
from broker_topology.dead_letters.queue import PATIENT, Patience, Taken, opened
from broker_topology.topology import JOURNAL_DEAD
from common.broker.consumer import clean_headers
from common.errors import ArgumentError
from common.facts import ASIDE_EXCHANGE, ASIDE_KEY, ASIDE_REASON


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that could not be stored, and why; exchange and key: where it was published."""

    id: str | None
    exchange: str
    key: str
    reason: str
    headers: Mapping[str, Any]
    body: bytes

    @property
    def line(self) -> str:
        """All of it as a line of JSON; a body that is not UTF-8 as `body_base64`."""
        try:
            content = {"body": self.body.decode()}
        except UnicodeDecodeError:
            content = {"body_base64": base64.b64encode(self.body).decode()}
        names = ("id", "exchange", "key", "reason")
        document = {name: getattr(self, name) for name in names}
        document |= {"headers": {name: self.headers[name] for name in sorted(self.headers)}}
        return json.dumps(document | content, ensure_ascii=False, default=str) + "\n"


def iterate(url: str, *, patience: Patience = PATIENT) -> Generator[Aside, None, None]:
    """Yield what lies there, the oldest first; close it to stop early.

    The queue is locked meanwhile, and all goes back in its order. Raises DeadLetterError, and
    TopologyError when the broker cannot be reached or is lost.
    """
    with opened(url, JOURNAL_DEAD, patience) as queue, queue.walk(queue.count) as walk:
        for taken in walk.look():
            yield _aside(taken)


def export(url: str, write: Callable[[str], object], on_progress: Callable[[int], object]) -> int:
    """Write all as lines of JSON and leave it where it is; how many."""
    written = 0
    with closing(iterate(url)) as found:
        for written, one in enumerate(found, 1):
            write(one.line)
            on_progress(written)
    return written


def export_to(url: str, file: Path, on_progress: Callable[[int], object]) -> int:
    """Write all into a new file, readable by its owner only; how many.

    Raises ArgumentError when there is such a file already, or it cannot be written.
    """
    try:
        with open(file, "x", encoding="utf-8", newline="\n", opener=open_private) as target:
            return export(url, target.write, on_progress)
    except OSError as error:
        raise ArgumentError(f"{file} cannot be written: {error.strerror}.") from error


def _aside(taken: Taken) -> Aside:
    headers = clean_headers(taken.headers)

    def said(name: str) -> str:
        return str(headers.get(name) or "")

    return Aside(
        taken.properties.message_id,
        said(ASIDE_EXCHANGE) or taken.exchange,
        said(ASIDE_KEY) or taken.routing_key,
        said(ASIDE_REASON),
        headers,
        taken.body,
    )

"""Dead letters as lines of JSON in a file: discard, export, and import again; pika."""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pika.data import encode_table
from pika.exceptions import ShortStringTooLong
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from broker_topology.connect import connected
from broker_topology.dead_letters.letter import failure_headers
from broker_topology.dead_letters.properties import MOST_HEADERS_BYTES
from broker_topology.dead_letters.queue import PATIENT, DeadLetterError, Patience, Taken
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.telling import Teller, letter_fact
from broker_topology.dead_letters.walk import Specimen, specimen_of, specimens
from broker_topology.dead_letters.work import Worklist
from broker_topology.topology import UNROUTED, dead_queue
from common import failure
from common.broker.consumer import clean_headers
from common.channels import CHANNELS
from common.envelope import Event, EventType
from common.errors import ArgumentError

_SEAL_BEGINS = b'{"v":1,"archive":'
_KEEPING_QUEUES = frozenset({*(dead_queue(name) for name in CHANNELS), UNROUTED})


class Record(BaseModel):
    """One line of a file: a dead letter with everything that is needed to put it back.

    body: the message's text; where that is not UTF-8, body_base64 instead.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = 1
    id: str
    queue: str
    message_id: str | None = None
    headers: dict[str, JsonValue] = {}
    body: str | None = None
    body_base64: str | None = None

    @property
    def body_bytes(self) -> bytes:
        """The message's bytes as they were. Raises ValueError on wrong base64."""
        if self.body is not None:
            return self.body.encode()
        return base64.b64decode(self.body_base64 or "", validate=True)


class Seal(BaseModel):
    """The last line of an archive that was downloaded: what is in it.

    sha256: of the lines before, each with its line feed; missing: ids that were asked for and are
    nowhere.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = 1
    archive: str
    letters: int
    sha256: str
    missing: list[str] = []

    def line(self) -> bytes:
        """The seal as it stands in the file."""
        return self.model_dump_json().encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Discarded:
    """How many letters were taken out, and ids that were asked for and are nowhere."""

    discarded: int
    missing: list[str]


def new_file(state: Path, now: datetime) -> Path:
    """Where letters that are discarded now are kept, if nobody says otherwise."""
    return state / "dead-letters" / f"discarded-{now:%Y%m%dT%H%M%SZ}.jsonl"


def discard(
    url: str,
    selection: Selection,
    file: Path,
    *,
    limit: int | None = None,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
    depths: Mapping[str, int] | None = None,
) -> Discarded:
    """Take the selected letters out of their queues; `file` has them all, on disk, before.

    Each is told when it is on disk, and leaves its queue then.
    depths: of a Plan, so that nothing else is touched. The file is made if need be, readable by its
    owner only, and appended to. Raises DeadLetterError, and TopologyError when the broker cannot
    be reached or is lost.
    """
    work = Worklist(url, selection, limit, patience, depths=depths)
    with connected(url, patience.broker_s) as connection, _appended(file) as archive:
        teller = Teller(connection)
        work.on_window = teller.breathe
        with closing(work.batches()) as batches:
            for batch in batches:
                _keep(archive, [line_of(specimen_of(taken, letter)) for letter, taken in batch])
                for letter, taken in batch:
                    teller.tell(discarded_fact(taken))
                    work.done(letter, taken)
                    on_progress(work.handled)
    return Discarded(work.handled, work.missing)


def export(
    url: str,
    selection: Selection,
    write: Callable[[str], object],
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Write the selected letters as lines of JSON and leave them where they are; how many."""
    written = 0
    with closing(specimens(url, selection)) as found:
        for written, specimen in enumerate(found, 1):
            write(line_of(specimen).decode())
            on_progress(written)
    return written


def export_to(
    url: str,
    selection: Selection,
    file: Path,
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Write the selected letters into a new file, readable by its owner only; how many.

    Raises ArgumentError when there is such a file already, or it cannot be written.
    """
    try:
        with open(file, "x", encoding="utf-8", newline="\n", opener=open_private) as target:
            return export(url, selection, target.write, on_progress)
    except OSError as error:
        raise ArgumentError(f"{file} cannot be written: {error.strerror}.") from error


def read_records(file: Path) -> Iterator[Record]:
    """Read a file's records one by one; what a seal says of those before it must be so.

    Raises ArgumentError when it cannot be read, and DeadLetterError that names a wrong line.
    """
    count, digest = 0, hashlib.sha256()
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                place = f"{file}, line {number}"
                if seal := _seal_in(line):
                    if (seal.letters, seal.sha256) != (count, digest.hexdigest()):
                        raise DeadLetterError(
                            f"{place} says that {seal.letters} letters stand before it, which are "
                            f"not those that do: the file is damaged; download it again, or remove "
                            "the line to import what is there."
                        )
                    count, digest = 0, hashlib.sha256()
                    continue
                yield _parse(line, place)
                count += 1
                digest.update(line)
    except OSError as error:
        raise ArgumentError(f"{file} cannot be read: {error.strerror}.") from error


def line_of(specimen: Specimen) -> bytes:
    """A letter's line; that of one letter is always the same."""
    document = _record(specimen).model_dump(exclude_none=True)
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def discarded_fact(taken: Taken) -> Event | None:
    """What is told when a letter is taken out; None when nobody knows whose it is."""
    return letter_fact(
        EventType.DISCARDED,
        taken.body,
        taken.headers,
        message_id=taken.properties.message_id,
        routing_key=taken.routing_key,
    )


def _record(specimen: Specimen) -> Record:
    letter, body = specimen.letter, specimen.body
    headers = clean_headers(specimen.headers)
    if headers.get(failure.CLASS) != letter.failed_as:
        headers |= failure_headers(letter)  # what only the broker's own headers said
    try:
        text, encoded = body.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(body).decode()
    return Record(
        id=letter.id,
        queue=letter.queue,
        message_id=specimen.message_id,
        headers={name: _json_value(value) for name, value in sorted(headers.items())},
        body=text,
        body_base64=encoded,
    )


def _json_value(value: Any) -> JsonValue:
    """A header's value as JSON; what JSON has no form for (times, bytes) becomes text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_json_value(item) for item in value]
        case dict():
            return {str(name): _json_value(item) for name, item in value.items()}
        case bytes():
            return value.decode(errors="backslashreplace")
        case datetime():
            return value.isoformat()
    return str(value)


def _seal_in(line: bytes) -> Seal | None:
    if not line.startswith(_SEAL_BEGINS):
        return None
    try:
        return Seal.model_validate_json(line)
    except ValidationError:
        return None


def _parse(line: bytes, place: str) -> Record:
    try:
        record = Record.model_validate_json(line)
        record.body_bytes  # noqa: B018  wrong base64 is found here
        octets = encode_table([], record.headers)
    except (ValidationError, ValueError, struct.error, ShortStringTooLong) as error:
        raise DeadLetterError(
            f"{place} is not an exported dead letter; correct or remove the line."
        ) from error
    if octets > MOST_HEADERS_BYTES:
        raise DeadLetterError(f"{place} has {octets} bytes of headers, which no broker takes.")
    if record.queue not in _KEEPING_QUEUES:
        raise DeadLetterError(
            f"{place} names the queue {record.queue!r}, which keeps no dead letters."
        )
    return record


@contextmanager
def _appended(file: Path) -> Iterator[BinaryIO]:
    """Open a file to append to, made with its directory if need be, and sure to be found again."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = open(file, "ab", opener=open_private)  # noqa: SIM115  closed below
    except OSError as error:
        raise _unwritable(file, error) from error
    with archive:
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        yield archive


def _keep(archive: BinaryIO, lines: list[bytes]) -> None:
    """Write lines and return when they are on disk."""
    try:
        archive.writelines(lines)
        archive.flush()
        os.fsync(archive.fileno())
    except OSError as error:
        raise _unwritable(Path(archive.name), error) from error


def _unwritable(file: Path, error: OSError) -> DeadLetterError:
    reason = error.strerror or error
    return DeadLetterError(
        f"{file} cannot be written, so no more is discarded: {reason}. Make its directory "
        "writable, or name another in GATEWAY_STATE_DIR."
    )


def open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

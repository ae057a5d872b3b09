"""`gateway events`: what becomes true of deliveries, as it happens, straight from the broker."""

import logging
import re
import threading
from collections.abc import Callable, Collection
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Annotated, Final

import typer

from admin.command_line.printing import note
from admin.command_line.shown import escaped, json_escaped
from admin.dead.options import AsJson
from admin.here import EnvFile, Url, place_here
from admin.live.following import Following
from admin.live.reasons import reason_of
from common.channels import CHANNELS
from common.envelope import Event, EventType
from common.errors import ArgumentError, GatewayError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What becomes true of deliveries, live."
)

_PATTERN: Final = re.compile(r"(?:[a-z]+|\*|#)(?:\.(?:[a-z]+|\*|#))*")
_TYPE, _CHANNEL = "{type}", "{channel}"
_READY_S: Final = 10.0
_GLANCE_S: Final = 0.2


@app.callback()
def events() -> None:
    """Keep `tail` a command of its own, though there is one only."""


@app.command("tail", short_help="Show events as they happen.")
def tail_command(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="CHANNEL.EVENT, * for any one word: 'email.*', '*.failed'; all if not given.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"Append them to this file instead, a line of JSON each; {_TYPE} and {_CHANNEL} "
            "in its name make a file of each.",
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    env_file: EnvFile = None,
) -> None:
    """Show what becomes true of deliveries, as it happens, until Ctrl-C. Changes nothing.

    Each is read straight from the broker by a queue of its own: any number may run at once, and
    what happened before is not shown. JSON: one document a line, as docs/architecture.md names the
    fields of an event.
    """
    wanted = tuple(map(_checked, patterns or ["#"]))
    place = place_here(url, env_file)
    tell = _Log(log).write if log else _print_json if as_json else _print_line
    _follow(place.url, wanted, tell, log)


def _checked(pattern: str) -> str:
    """The pattern. Raises ArgumentError for one that nothing could ever match."""
    words = pattern.split(".")
    if not _PATTERN.fullmatch(pattern):
        raise ArgumentError(f"{pattern!r} is no pattern such as email.sent, email.* or '*.failed'.")
    if "#" in words:
        return pattern
    known = (CHANNELS, [one.value for one in EventType])
    if len(words) != len(known):
        raise ArgumentError(f"{pattern!r} has not two words, CHANNEL.EVENT; * is any word.")
    for word, names in zip(words, known, strict=True):
        if word not in ("*", *names):
            raise ArgumentError(f"{pattern!r}: {word!r} is none of {', '.join(names)}.")
    return pattern


def _follow(
    url: str, patterns: Collection[str], tell: Callable[[Event], None], log: Path | None
) -> None:
    """Listen until Ctrl-C. Raises GatewayError when it cannot begin."""
    ending = threading.Event()
    faults: list[GatewayError] = []

    def hear(event: Event) -> None:
        try:
            tell(event)
        except GatewayError as error:
            faults.append(error)
            ending.set()
        except BrokenPipeError:
            ending.set()

    with Following(url, hear, patterns=patterns) as following:
        if fault := following.await_ready(_READY_S):
            raise fault
        note(f"listening for {', '.join(patterns)}{f' into {log}' if log else ''}; Ctrl-C ends it")
        was_lost = False
        while not ending.wait(_GLANCE_S):
            is_lost = following.fault is not None
            if is_lost and not was_lost:
                note(f"{following.fault} What happens until it is back is missed.")
            elif was_lost and not is_lost:
                note("listening again")
            was_lost = is_lost
    if faults:
        raise faults[0]


def _print_json(event: Event) -> None:
    print(json_escaped(event.model_dump_json()), flush=True)


def _print_line(event: Event) -> None:
    words = [f"{event.at:%Y-%m-%d %H:%M:%S}", event.routing_key, event.delivery_id]
    if event.attempt:
        words.append(f"attempt {event.attempt}")
    if reason := reason_of(event):
        words.append(reason)
    print(escaped("  ".join(words)), flush=True)


class _Log:
    """Files that events are appended to; one that was moved away is begun anew."""

    def __init__(self, file: Path) -> None:
        self._name = str(file)
        self._open: dict[str, WatchedFileHandler] = {}

    def write(self, event: Event) -> None:
        """Append one line. Raises GatewayError when the file cannot be written."""
        name = self._name.replace(_TYPE, event.type).replace(_CHANNEL, event.channel)
        try:
            handler = self._open.get(name)
            if handler is None:
                handler = self._open[name] = _Handler(name, encoding="utf-8")
            handler.handle(logging.makeLogRecord({"msg": event.model_dump_json()}))
        except OSError as error:
            raise GatewayError(
                f"{name} cannot be written ({error.strerror}); events from now on are not in it."
            ) from error


class _Handler(WatchedFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        raise

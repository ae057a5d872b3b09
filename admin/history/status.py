"""`gateway status`: what became of one notification, told once or followed to its end."""

import math
import re
import time
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from admin.api_client import Api, CannotBeTold, CannotBeToldNow
from admin.command_line.option_groups import grouped
from admin.command_line.printing import note, print_json
from admin.command_line.shown import json_text
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.history.masking import Document, masked
from admin.history.options import ApiOptions, Whole, read_timeout_s
from admin.history.status_view import changes, is_complete, status_lines
from admin.live.screen import Guarded, fold, is_painted
from admin.send.report import Result
from common.errors import ArgumentError
from common.times import utc_now

ID: Final = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:-[0-9]+)?")
_WAIT_S: Final = 30
_AGAIN_AFTER_S: Final = 1.0


@grouped
def status(
    *,
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="Of a notification, or of one of its deliveries.")
    ],
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it until each delivery has ended.")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            help="How long --watch follows, such as 30s, 2m or 1h; for ever if not given."
        ),
    ] = None,
    whole: Whole = False,
    as_json: AsJson = False,
    where: ApiOptions,
) -> None:
    """Show what became of a notification: its deliveries, and what was tried for each.

    Recipients are masked, also where a provider quotes them. With the id of a delivery that one is
    marked. Exit code 0: sent; 1: something was not sent; 2: there is no answer; 3: not finished.
    JSON: as GET /v1/notifications/ID answers (docs/api.md); with --watch a document a line at each
    change.
    """
    found = ID.fullmatch(wanted)
    if not found:
        raise ArgumentError(
            f"{wanted!r} is no id such as 0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, or that of a "
            "delivery, with -1 behind it."
        )
    if timeout is not None and not watch:
        raise ArgumentError("--timeout goes with --watch.")
    until = time.monotonic() + (read_timeout_s(timeout) if timeout else math.inf)
    if not watch:
        until = 0.0
    with reading(), where.opened() as api:
        documents = (
            one if whole else masked(one) for one in _documents(api, found[1].lower(), until)
        )
        last = _show(documents, wanted.lower(), watch=watch, as_json=as_json)
    if watch and not is_complete(last):
        note(f"not ended within {timeout} (--timeout)")
    raise typer.Exit(_result(last))


def _documents(api: Api, notification_id: str, until: float) -> Iterator[Document]:
    """What is known now, and again whenever there is more, until it is complete or time is over."""
    path = f"/v1/notifications/{notification_id}"
    known: Document = api.get(path)
    yield known
    fault: CannotBeTold | None = None
    while not is_complete(known) and (left_s := until - time.monotonic()) > 0:
        query = {"wait": min(_WAIT_S, math.ceil(min(left_s, _WAIT_S))), "after": known["seq"]}
        try:
            newer: Document = api.get(path, query)
        except CannotBeToldNow as error:
            if fault is None:
                note(f"{error} (following again as soon as it answers)")
            fault = error
            time.sleep(min(_AGAIN_AFTER_S, max(0.0, until - time.monotonic())))
            continue
        if fault is not None:
            note("following again")
            fault = None
        if newer["seq"] != known["seq"]:
            yield newer
        known = newer


def _show(documents: Iterator[Document], marked: str, *, watch: bool, as_json: bool) -> Document:
    """Show each in its turn; returns the last."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if as_json and not watch:
        print_json(last := next(documents))
    elif as_json:
        for last in documents:
            print(json_text(last), flush=True)
    elif not watch or is_painted(console):
        last = _paint(console, documents, marked) if watch else next(documents)
        for line in status_lines(last, marked, utc_now()):
            console.print(fold(console, line))
    else:
        before: Document | None = None
        for last in documents:
            for line in changes(before, last):
                print(line, flush=True)
            before = last
    return last


def _paint(console: Console, documents: Iterator[Document], marked: str) -> Document:
    """Paint each over the one before, and leave nothing of it; returns the last."""
    shown = next(documents)

    def picture() -> Text:
        lines = status_lines(shown, marked, utc_now())
        return Text("\n".join(fold(console, line) for line in lines))

    guarded = Guarded(picture)
    with Live(
        console=console,
        get_renderable=lambda: guarded,
        refresh_per_second=4,
        transient=True,
    ):
        for one in documents:
            shown = one
    return shown


def _result(document: Document) -> Result:
    if not is_complete(document):
        return Result.UNFINISHED
    return Result.DONE if document["status"] == "sent" else Result.FAILED

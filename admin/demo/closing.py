"""What the demo says when its own notifications have ended: what arrived, and what to try next."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from admin.live.delivery_view import dead_show
from admin.live.reasons import one_line, reason_of
from admin.live.screen import counted, fold
from gateway_client import Event

_REAL = ("  ./gateway up --init", "  ./gateway up")
_AFTERWARDS = (
    "\nWhat to try next:",
    "  # the same, and it stays up for what you send",
    "  ./gateway demo",
    "  # with real providers",
    *_REAL,
)
_OTHERS = 34  # what subject and text need beside the recipient, to stay readable


def print_closing(
    console: Console, failures: list[Event], inbox: str, where: Sequence[str] = ()
) -> None:
    """Read back what arrived from the inbox, and name the dead letters.

    where: lines that say where to look further, if there will be anything to look at.
    """
    entries = httpx.get(f"{inbox}/inbox.json", timeout=10).json()["entries"]
    console.print(_arrived(entries, console.width))
    for event in failures:
        tries = counted(event.attempt, "try", "tries")
        channel = (event.to or "").partition(":")[0]
        said = f"Dead letter in queue {channel}.dead after {tries}: {reason_of(event)}"
        console.print(Text(fold(console, said), "red"), soft_wrap=True)
        if where:
            console.print(Text(f"  {dead_show(event.delivery_id)}\n"), soft_wrap=True)
    for text in [*where, *_what_next(inbox, failures)] if where else _AFTERWARDS:
        console.print(Text(text), soft_wrap=True)


def _arrived(entries: list[dict[str, Any]], width: int) -> Table:
    title = "What arrived, read from the inbox"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    longest = max((len(_recipient(entry)) for entry in entries), default=0)
    table.add_column("to", overflow="fold", min_width=min(longest, max(width - _OTHERS, 0)))
    table.add_column("subject")
    table.add_column("text")
    for entry in entries:
        words = (_recipient(entry), entry["subject"] or "", entry["text"] or "")
        table.add_row(*(Text(one_line(word, 200)) for word in words))
    return table


def _recipient(entry: dict[str, Any]) -> str:
    return f"{entry['channel']}:{entry['recipient']}"


def places(api: str, console: str, inbox: str, management: list[str]) -> Iterator[str]:
    """Where everything is; management: the broker's page, and remarks on it."""
    yield f"API docs  {api}/docs"
    yield f"Console   {console}/"
    yield f"Inbox     {inbox}/"
    first, *more = management
    yield f"RabbitMQ  {first}"
    for remark in more:
        yield f"          {remark}"


def look_here(console: str, inbox: str, failures: list[Event]) -> Iterator[str]:
    """The last words: where to see all of it, and how to see a dead letter arrive after all."""
    yield f"Open {console}/ to see it all."
    for event in failures[:1]:
        recipient = (event.to or "").partition(":")[2]
        yield "To see the dead letter arrive after all:"
        yield '  1. in the inbox open it, and "Accept from now on":'
        yield f"     {inbox}/inbox?{urlencode({'recipient': recipient})}"
        yield '  2. in the console, "Send again":'
        yield f"     {console}/dead-letters"
        yield f"     {console}/notifications/{event.delivery_id}"
    yield ""


def _what_next(inbox: str, failures: list[Event]) -> Iterator[str]:
    """Commands that work while the demo is up, in lines of 60."""
    yield "\nWhat to try next, in another terminal; commands find"
    yield "this demo by themselves:"
    yield "  # refused twice, then sent"
    yield "  ./gateway send email:twice+you@example.com \\"
    yield "    --subject Hello --text hello --wait"
    yield "  # refused for good: a dead letter"
    yield "  ./gateway send telegram:900001001 --text hello"
    yield "  ./gateway dead list"
    for event in failures[:1]:
        yield "  # put the dead letter back, to somebody else"
        yield "  ./gateway dead requeue --redirect 43 \\"
        yield f"    {one_line(event.delivery_id, 100)}"
    yield "  # called back about what became of it, in the inbox"
    yield "  ./gateway send vk:123 --text hello \\"
    yield f"    --callback-url {inbox}/webhook/callbacks"
    yield f"  # the inbox, and which addresses are refused how\n  {inbox}/"
    yield "  # after this demo, with real providers"
    yield from _REAL

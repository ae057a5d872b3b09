"""The options of `gateway dead`: which letters are meant, how fast, to whom."""

from typing import Annotated

import typer

from broker_topology.dead_letters import walk
from broker_topology.dead_letters.letter import FailedAs
from broker_topology.dead_letters.selection import Selection, parse_moment
from broker_topology.topology import UNROUTED
from common.channels import CHANNELS
from common.envelope import utc_now
from common.errors import ArgumentError
from common.recipients import parse_recipient
from common.settings import Rate, parse_rate

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Only these letters.")]
ChannelName = Annotated[
    str | None, typer.Option("--channel", help=f"{', '.join(CHANNELS)} or {UNROUTED}.")
]
Class = Annotated[FailedAs | None, typer.Option("--class", help="Why they are dead.")]
Code = Annotated[str | None, typer.Option(help="Code of the failure; * is any text.")]
Since = Annotated[
    str | None, typer.Option(help="Failed since: 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
]
Until = Annotated[str | None, typer.Option(help="Failed before; written like --since.")]
Tag = Annotated[str | None, typer.Option(help="A tag of the notification.")]
To = Annotated[
    str | None, typer.Option(help="Recipient, address or channel:address; * is any text.")
]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many it would be.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest first.")]


def selection(
    ids: list[str] | None,
    channel: str | None,
    fail_class: FailedAs | None,
    code: str | None,
    since: str | None,
    until: str | None,
    tag: str | None,
    to: str | None,
) -> Selection:
    """The filters as they were given. Raises ArgumentError for one that makes no sense."""
    if channel not in (None, *CHANNELS, UNROUTED):
        known = ", ".join((*CHANNELS, UNROUTED))
        raise ArgumentError(f"{channel!r} is no channel: write one of {known}.")
    now = utc_now()
    try:
        return Selection(
            ids=frozenset(ids or ()),
            channel=channel,
            failed_as=fail_class.value if fail_class else None,
            code=code,
            since=parse_moment(since, now) if since else None,
            until=parse_moment(until, now) if until else None,
            tag=tag,
            to=to,
        )
    except ValueError as error:
        raise ArgumentError(f"{error}.") from error


def expect_choice(wanted: Selection, everything: bool) -> None:
    """Nobody means everything by saying nothing. Raises ArgumentError."""
    if everything and not wanted.is_everything:
        raise ArgumentError("--all goes with no ids and no filter but --channel.")
    if wanted == Selection() and not everything:
        raise ArgumentError(
            "Say which letters: ids, filters such as --channel or --code, or --all."
        )


def checked_rate(text: str | None) -> Rate | None:
    """`50/s`. Raises ArgumentError."""
    if text is None:
        return None
    try:
        return parse_rate(text)
    except ValueError:
        raise ArgumentError(f"--rate {text!r} is no rate such as 50/s or 1000/h.") from None


def new_address(url: str, ids: list[str] | None, redirect: str) -> str:
    """The address to send one letter to, valid for its channel.

    Raises ArgumentError, and DeadLetterError when there is no such letter.
    """
    if ids is None or len(ids) != 1:
        raise ArgumentError("--redirect goes with exactly one id.")
    letter = walk.find(url, ids[0]).letter
    prefix = f"{letter.channel}:"
    try:
        return parse_recipient(prefix + redirect.removeprefix(prefix)).address
    except ValueError as error:
        raise ArgumentError(f"--redirect: {error}.") from error

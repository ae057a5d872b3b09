"""The options of `gateway dead`: which letters are meant, how fast, to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import typer

from admin.here import EnvFile, Place, Url, place_here
from broker_topology.dead_letters import walk
from broker_topology.dead_letters.letter import FailedAs
from broker_topology.dead_letters.selection import Selection, parse_moment
from broker_topology.topology import UNROUTED
from common.channels import CHANNELS
from common.errors import ArgumentError
from common.recipients import parse_recipient
from common.settings import Rate, parse_rate
from common.times import utc_now

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@dataclass(frozen=True)
class Filters:
    """Which letters are meant, by what is known of them."""

    fail_class: Annotated[FailedAs | None, typer.Option("--class", help="Why they are dead.")] = (
        None
    )
    code: Annotated[str | None, typer.Option(help="Code of the failure; * is any text.")] = None
    channel: Annotated[str | None, typer.Option(help=f"{', '.join(CHANNELS)} or {UNROUTED}.")] = (
        None
    )
    since: Annotated[
        str | None, typer.Option(help="Failed since: 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
    ] = None
    until: Annotated[str | None, typer.Option(help="Failed before; written like --since.")] = None
    tag: Annotated[str | None, typer.Option(help="A tag of the notification.")] = None
    to: Annotated[
        str | None, typer.Option(help="Recipient, address or channel:address; * is any text.")
    ] = None

    def selection(self, ids: Collection[str] = ()) -> Selection:
        """The same as a predicate. Raises ArgumentError for a filter that makes no sense."""
        if self.channel not in (None, *CHANNELS, UNROUTED):
            known = ", ".join((*CHANNELS, UNROUTED))
            raise ArgumentError(f"{self.channel!r} is no channel: write one of {known}.")
        now = utc_now()
        try:
            return Selection(
                ids=frozenset(ids),
                channel=self.channel,
                failed_as=self.fail_class.value if self.fail_class else None,
                code=self.code,
                since=parse_moment(self.since, now) if self.since else None,
                until=parse_moment(self.until, now) if self.until else None,
                tag=self.tag,
                to=self.to,
            )
        except ValueError as error:
            raise ArgumentError(f"{error}.") from error


@dataclass(frozen=True)
class Choice(Filters):
    """Which letters are changed, and at most how many."""

    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Only these letters.")] = (
        None
    )
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest first.")] = (
        None
    )

    def wanted(self) -> Selection:
        """The letters meant; nobody means everything by saying nothing. Raises ArgumentError."""
        wanted = self.selection(self.ids or ())
        if self.everything and not wanted.is_everything:
            raise ArgumentError("--all goes with no ids and no filter but --channel.")
        if wanted == Selection() and not self.everything:
            raise ArgumentError(
                "Say which letters: ids, filters such as --channel or --code, or --all."
            )
        return wanted


@dataclass(frozen=True)
class Manner:
    """How a change is made: tried only, asked about, told as JSON."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many it would be.")] = (
        False
    )
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
    as_json: AsJson = False


@dataclass(frozen=True)
class BrokerOptions:
    """Whose dead letters."""

    url: Url = None
    env_file: EnvFile = None

    def place(self) -> Place:
        """The broker, as its operator. Raises GatewayError when there is none to work on."""
        return place_here(self.url, self.env_file)


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

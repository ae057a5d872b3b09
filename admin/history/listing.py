"""`gateway list`: the notifications that somebody looks for, the newest first."""

from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final

import typer

from admin.command_line.option_groups import grouped
from admin.command_line.printing import PAGE, stream_json
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.history import list_view
from admin.history.masking import masked
from admin.history.options import ApiOptions, Whole, read_moment
from common.channels import Channel
from common.errors import ArgumentError
from store.rows import Overall

_MOST_OF_A_PAGE: Final = 500


@dataclass(frozen=True)
class Search:
    """What must hold of a notification; the API's filters."""

    status: Annotated[
        Overall | None, typer.Option(metavar="STATUS", help=f"One of {', '.join(Overall)}.")
    ] = None
    channel: Annotated[Channel | None, typer.Option(help="Of one of its deliveries.")] = None
    tag: Annotated[str | None, typer.Option(help="One of its tags.")] = None
    to: Annotated[str | None, typer.Option(help="A recipient, channel:address, whole.")] = None
    code: Annotated[
        str | None, typer.Option(help="What a provider last said, such as '550 5.1.1'.")
    ] = None
    word: Annotated[str | None, typer.Option(help="A whole word of its subject.")] = None
    since: Annotated[
        str | None, typer.Option(help="Accepted since: 2026-05-01, 2026-05-01T12:30, or 2h (ago).")
    ] = None
    until: Annotated[str | None, typer.Option(help="Accepted before; written like --since.")] = None

    @property
    def query(self) -> dict[str, str | None]:
        """The same as the API takes it. Raises ArgumentError."""
        return {
            "status": self.status,
            "channel": self.channel,
            "tag": self.tag,
            "to": self.to,
            "code": self.code,
            "word": self.word,
            "accepted_after": read_moment(self.since),
            "accepted_before": read_moment(self.until),
        }


@grouped
def list_notifications(
    *,
    search: Search,
    ids_only: Annotated[bool, typer.Option("--ids", help="Print ids, one in a line.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many; 0 for all, as with --json and --ids."),
    ] = None,
    whole: Whole = False,
    as_json: AsJson = False,
    where: ApiOptions,
) -> None:
    """List notifications, the newest first; all that is asked for must hold.

    Recipients are masked. JSON: a list of what GET /v1/notifications tells of each (docs/api.md).
    """
    if ids_only and as_json:
        raise ArgumentError("--ids does not go with --json.")
    most = limit if limit is not None else 0 if ids_only or as_json else PAGE
    query = search.query
    with reading(), where.opened() as api:
        size = min(most + 1, _MOST_OF_A_PAGE) if most else _MOST_OF_A_PAGE
        listed = api.list({**query, "limit": size})
        found = (one if whole else masked(one) for one in listed)
        if ids_only:
            for one in islice(found, most or None):
                typer.echo(one["id"])
        elif as_json:
            stream_json(islice(found, most or None))
        else:
            list_view.print_pages(found, most)

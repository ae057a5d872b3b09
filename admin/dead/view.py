"""What `gateway dead` prints of letters: lists, groups, one in full."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice

import typer
from rich.table import Table

from admin.command_line.printing import (
    NOTHING,
    PAGE,
    age,
    console,
    plain_table,
    print_fitting,
    print_json,
)
from admin.command_line.shown import escaped, escaped_lines, json_text
from broker_topology.dead_letters import report
from broker_topology.dead_letters.letter import DeadLetter, FailedAs, Group, group
from broker_topology.dead_letters.report import specimen_json
from broker_topology.dead_letters.walk import Specimen
from common.times import utc_now

_WORDS = 100  # of a reason in a list; `show` and --json have all of it
_WITH_LINES = ("message", "content")  # a traceback of a bug of ours, a body that is no delivery


def print_pages(found: Iterator[DeadLetter], limit: int) -> None:
    """Print tables of a page each; only a page is kept in memory."""
    shown = 0
    while page := list(islice(found, min(PAGE, limit - shown) if limit else PAGE)):
        now = utc_now()
        print_fitting(letters_table(page, now), letters_lines(page, now))
        shown += len(page)
        if limit and shown == limit:
            if next(found, None):
                typer.echo(f"The first {limit}; --limit 0 lists all.", err=True)
            return
    if not shown:
        typer.echo("No dead letters.", err=True)


def print_groups(found: Iterator[DeadLetter], limit: int | None, as_json: bool) -> None:
    """Print reasons with their counts, the most frequent first."""
    groups = group(found)[: limit or None]
    if as_json:
        print_json([report.group_json(one) for one in groups])
    elif groups:
        console().print(groups_table(groups))
    else:
        typer.echo("No dead letters.", err=True)


def report_missing(missing: list[str]) -> None:
    """Name on stderr the ids that are nowhere."""
    for letter_id in missing:
        typer.echo(escaped(f"There is no dead letter {letter_id}."), err=True)


def letters_text(count: int) -> str:
    """`1 dead letter`, `2 dead letters`."""
    return "1 dead letter" if count == 1 else f"{count} dead letters"


def letters_table(letters: Iterable[DeadLetter], now: datetime) -> Table:
    """A page of a list."""
    table = plain_table("failed")
    table.add_column("age", justify="right")
    for name in ("id", "to", "class", "code"):
        table.add_column(name)
    for name in ("attempts", "requeued"):
        table.add_column(name, justify="right")
    table.add_column("reason")
    for letter in letters:
        table.add_row(
            _local(letter.failed_at),
            age(letter.failed_at, now),
            escaped(letter.id),
            _recipient(letter),
            escaped(letter.failed_as),
            escaped(letter.code) or NOTHING,
            str(letter.attempts),
            str(letter.generation),
            _words(letter),
        )
    return table


def letters_lines(letters: Iterable[DeadLetter], now: datetime) -> Iterator[str]:
    """The same for a terminal that is too narrow for a table: some lines for each letter."""
    for letter in letters:
        requeued = f", requeued {letter.generation}×" if letter.generation else ""
        yield escaped(letter.id)
        yield f"  {_recipient(letter)}"
        yield (
            escaped(f"  {letter.failed_as} {letter.code}".rstrip())
            + f", failed {age(letter.failed_at, now)} ago, attempts: {letter.attempts}{requeued}"
        )
        yield f"  {_words(letter)}"


def _recipient(letter: DeadLetter) -> str:
    return escaped(letter.masked_recipient or f"{letter.queue}: undecodable")


def _words(letter: DeadLetter) -> str:
    """The reason's own words in one line; of a traceback the last one, which says what it was."""
    said = letter.message
    if letter.failed_as == FailedAs.POISON:  # a bug of ours, perhaps; of a long one its end is kept
        said = said.strip().rpartition("\n")[2]
    words = escaped(" ".join(letter.without_recipient(said).split()))
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"


def groups_table(groups: Iterable[Group]) -> Table:
    """Reasons with their counts."""
    table = plain_table("queue", "class", "code")
    table.add_column("count", justify="right")
    table.add_column("first failed")
    table.add_column("last failed")
    for one in groups:
        times = (_local(one.first_at), _local(one.last_at))
        reason = escaped(one.failed_as), escaped(one.code) or NOTHING
        table.add_row(one.queue, *reason, str(one.count), *times)
    return table


def specimen_table(specimen: Specimen, *, content: bool) -> Table:
    """One letter in full, a line for each thing that is known."""
    shown = specimen_json(specimen, content=content)
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in shown.items():
        match value:
            case None | []:
                continue
            case list() if name == "history":
                lines = [
                    escaped(f"{step['at'] or ''}  {step['what']}".strip())
                    for step in value
                    if isinstance(step, dict)
                ]
                text = "\n".join(lines)
            case list():
                text = escaped(", ".join(map(str, value)))
            case dict():
                text = json_text(value, indent=2)
            case str() if name in _WITH_LINES:
                text = escaped_lines(value)
            case _:
                text = escaped(str(value))
        table.add_row(name, text)
    return table


def _local(moment: datetime | None) -> str:
    if moment is None:
        return NOTHING
    with suppress(ValueError, OverflowError):  # at an end of the calendar it stays as it is
        moment = moment.astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")

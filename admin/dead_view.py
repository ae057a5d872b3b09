"""How dead letters look in a terminal: rows, reasons, and one letter in full."""

import json
from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from broker_topology.dead_letter import DeadLetter, Group
from broker_topology.dead_letters import Specimen
from broker_topology.dead_report import specimen_json

_NOTHING = "–"


def letters_table(letters: Iterable[DeadLetter], now: datetime) -> Table:
    """A page of a list."""
    table = _table("failed", "id", "to", "class", "code")
    for name in ("attempts", "age", "requeued"):
        table.add_column(name, justify="right")
    for letter in letters:
        table.add_row(
            _local(letter.failed_at),
            letter.id,
            letter.masked_recipient or f"{letter.queue}: undecodable",
            letter.failed_as,
            letter.code or _NOTHING,
            str(letter.attempts),
            age(letter.accepted_at or letter.failed_at, now),
            str(letter.generation),
        )
    return table


def groups_table(groups: Iterable[Group]) -> Table:
    """Reasons with their counts."""
    table = _table("queue", "class", "code")
    table.add_column("count", justify="right")
    table.add_column("first failed")
    table.add_column("last failed")
    for one in groups:
        times = (_local(one.first_at), _local(one.last_at))
        table.add_row(one.queue, one.failed_as, one.code or _NOTHING, str(one.count), *times)
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
                    f"{step['at'] or ''}  {step['what']}".strip()
                    for step in value
                    if isinstance(step, dict)
                ]
                text = "\n".join(lines)
            case list():
                text = ", ".join(map(str, value))
            case dict():
                text = json.dumps(value, indent=2, ensure_ascii=False)
            case _:
                text = str(value)
        table.add_row(name, text)
    return table


def _table(*names: str) -> Table:
    """Without lines, so that what is copied from it is what it shows."""
    return Table(*names, box=None, pad_edge=False, header_style="bold")


def age(since: datetime | None, now: datetime) -> str:
    """`45s`, `12m`, `3h`, `8d`: since a moment, in its largest unit."""
    if since is None:
        return _NOTHING
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (seconds >= length and unit != "d"):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _local(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else _NOTHING

"""`gateway erase`: one person's data out of the store and out of the dead letters."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from admin.access.operator import operator
from admin.command_line.option_groups import grouped
from admin.command_line.printing import note, say
from admin.command_line.shown import escaped
from admin.dead.options import BrokerOptions, Manner
from admin.dead.progress import progress
from admin.dead.question import confirm, queues_text
from admin.dead.view import letters_text
from admin.live.screen import counted
from admin.store.opened import opened
from broker_topology.dead_letters.erasing import count_letters, erase_letters
from common.errors import ArgumentError
from common.recipients import Recipient, parse_recipient
from common.times import epoch_ms, utc_now
from store.database import Database
from store.position import read_position
from store.upkeep.erasing import Erased, count_recipient, erase_recipient

_CAUGHT_UP_S: Final = 15.0  # the journal hears something at least each 10 s
_LOOK_S: Final = 0.2


@grouped
def erase(
    *,
    recipient: Annotated[
        str, typer.Option(metavar="CHANNEL:ADDRESS", help="Whose data, such as vk:123.")
    ],
    manner: Manner,
    broker: BrokerOptions,
) -> None:
    """Erase what is kept about one recipient: in the store, and in dead letters.

    Contents, addresses and what providers said go; that something was sent, when and how it ended
    stays, without whom to. What is still to be sent keeps what it needs: erase again when it has
    ended. Files of discarded letters, logs and backups are not touched. JSON: {deliveries,
    contents, events, notifications, dead_letters, underway}; with --dry-run {would_erase, underway,
    queues: {name: count}}.
    """
    wanted = _recipient(recipient)
    place = broker.place()
    with opened(place.settings) as database:
        if manner.dry_run or not manner.yes:
            _agree(database, place.url, wanted, manner)
        with progress("erased", None, as_json=manner.as_json) as advance:
            letters = erase_letters(place.url, wanted, on_progress=advance)
        is_caught_up = _await_journal(database)
        erased = erase_recipient(
            database,
            wanted.address,
            epoch_ms(utc_now()),
            channel=wanted.channel,
            actor=operator(),
        )
    _report(erased, letters, as_json=manner.as_json)
    if not is_caught_up:
        note("the journal is behind: what it has not stored yet is not erased; run this again")
        raise typer.Exit(1)


def _recipient(text: str) -> Recipient:
    try:
        return parse_recipient(text)
    except ValueError as error:
        raise ArgumentError(f"--recipient: {error}.") from error


def _agree(database: Database, url: str, wanted: Recipient, manner: Manner) -> None:
    """Ask before anything is changed; with --dry-run say what would be, and end the command."""
    ended, underway = count_recipient(database, wanted.address, wanted.channel)
    queues = count_letters(url, wanted)
    found = f"{_deliveries(ended)} of the store and {queues_text(queues)}"
    if manner.dry_run:
        document: dict[str, JsonValue] = {
            "would_erase": ended,
            "underway": underway,
            "queues": {**queues},
        }
        say(manner.as_json, document, f"{found} would be erased{_underway(underway)}.")
        raise typer.Exit
    if ended or queues:
        confirm(escaped(f"Erase for ever what {found} have of {wanted}{_underway(underway)}?"))


def _await_journal(database: Database) -> bool:
    """Whether the journal has stored all that was told until now, waited for a moment."""
    note("waiting until the journal has stored all that was told so far, some 10 s")
    now_ms, deadline = epoch_ms(utc_now()), time.monotonic() + _CAUGHT_UP_S
    while True:
        with database.reading() as connection:
            if read_position(connection).heard_at_ms >= now_ms:
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)


def _report(erased: Erased, letters: int, *, as_json: bool) -> None:
    counts: Mapping[str, int] = asdict(erased)
    document: dict[str, JsonValue] = {**counts, "dead_letters": letters}
    say(
        as_json,
        document,
        f"Erased: what {_deliveries(erased.deliveries)} had, "
        f"{counted(erased.contents, 'content', 'contents')}, what "
        f"{counted(erased.events, 'event', 'events')} and "
        f"{counted(erased.notifications, 'notification', 'notifications')} said of them, and "
        f"{letters_text(letters)}{_underway(erased.underway)}.",
    )


def _deliveries(count: int) -> str:
    return counted(count, "delivery", "deliveries")


def _underway(count: int) -> str:
    return f"; {_deliveries(count)} not ended yet, not erased" if count else ""

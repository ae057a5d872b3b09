"""`gateway callbacks test|replay`: callbacks made by an operator, straight into the broker."""

import time
from typing import Annotated, Final

import typer

from admin.access.operator import operator
from admin.callbacks.options import EndpointId
from admin.command_line.printing import note, print_json, say
from admin.dead.options import AsJson
from admin.dead.progress import progress, reading
from admin.here import EnvFile, place_here
from admin.live.following import Following
from admin.live.reasons import reason_of
from admin.live.screen import counted
from admin.store.opened import opened
from broker_topology.dead_letters.selection import parse_moment
from common.channels import Channel
from common.envelope import Delivery, Event, EventType
from common.errors import ArgumentError, GatewayError
from common.times import epoch_ms, utc_now
from console.callbacks.making import made_test, publish_test, replay
from store.access.audit import Action
from store.access.noting import noting
from store.callbacks.changes import active_target, details_of, known_endpoint, subject_of
from store.callbacks.replay import Replay

_READY_S: Final = 10.0
_LOOK_S: Final = 0.05


class NotTaken(GatewayError):
    """The endpoint did not take what it was sent, or not in time."""

    exit_code = 1


def try_command(
    name: EndpointId,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds to wait for its answer.")
    ] = 30.0,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Send an endpoint an event of the type `test`, and wait for its answer.

    JSON: {id, status, code, message}; exit code 1 unless its status is sent.
    """
    place = place_here(None, env_file)
    with opened(place.settings) as database, database.reading() as connection:
        target = active_target(connection, name, epoch_ms(utc_now()))
    made = made_test(target)
    said = _send_and_hear(place.url, made, timeout_s)
    document = {
        "id": made.id,
        "status": "queued" if said is None else str(said.type.status),
        "code": None if said is None else said.code,
        "message": None if said is None else said.message,
    }
    if said is not None and said.type is EventType.SENT:
        say(as_json, {**document}, f"{name} took it.")
        return
    if as_json:
        print_json({**document})
    why = "nothing was heard of it in time: see that `gateway sender webhook` runs"
    raise NotTaken(f"{name} did not take it: {why if said is None else reason_of(said)}.")


def replay_command(
    name: EndpointId,
    since: Annotated[
        str, typer.Option(help="Of what was stored since: 2026-05-01, 2026-05-01T12:30, 2h (ago).")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Make again the callbacks of stored events, under the ids that they had, in their order.

    Who has seen one knows it by its `webhook-id`. An endpoint of a key gets also what it was not
    called back about at the time. JSON: {made}, with --dry-run {would_make}.
    """
    try:
        since_ms = epoch_ms(parse_moment(since, utc_now()))
    except ValueError as error:
        raise ArgumentError(f"--since: {error}.") from error
    place = place_here(None, env_file, is_asked=not dry_run)
    with reading(), opened(place.settings) as database:
        found = Replay(database, name, since_ms)
        if dry_run:
            number = sum(1 for _ in found.due())
            say(as_json, {"would_make": number}, f"{_callbacks(number)} would be made.")
            return
        with database.reading() as connection:
            one = known_endpoint(connection, name)
        told = {**details_of(one), "since_ms": since_ms}
        with (
            progress("made", None, as_json=as_json, count_text=_callbacks) as advance,
            noting(
                place.settings, operator(), Action.REPLAYED, subject_of(one), told, note
            ) as noted,
        ):
            expires_in_s = place.settings.expires_in_s
            number = replay(place.url, found, expires_in_s, noted.told_to(advance))
    say(as_json, {"made": number}, f"{_callbacks(number)} made.")


def _send_and_hear(url: str, made: Delivery, timeout_s: float) -> Event | None:
    """The last that was told of it in time; None when nothing was."""
    told: list[Event] = []

    def hear(event: Event) -> None:
        if event.delivery_id == made.id:
            told.append(event)

    with Following(url, hear, patterns=[f"{Channel.WEBHOOK}.*"]) as following:
        if fault := following.await_ready(_READY_S):
            raise fault
        publish_test(url, made)
        ends_at = time.monotonic() + timeout_s
        while not told and time.monotonic() < ends_at:
            time.sleep(_LOOK_S)
    return told[-1] if told else None


def _callbacks(number: int) -> str:
    return counted(number, "callback", "callbacks")

"""One endpoint: its state with the reason, a test, on and off, and what it is to be told again."""

import asyncio
from functools import partial
from typing import Final

from broker_topology.dead_letters.selection import parse_moment
from common.errors import ArgumentError
from common.times import epoch_ms, utc_at, utc_now
from console.auditing import audited
from console.callbacks.making import made_test, publish_test, replay
from console.frame.acting import Confirm, acting
from console.frame.markup import Tag, link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.widgets import command, say
from console.pages.operations.callbacks import events_of
from console.pages.operations.forms import Sent, asking, field, form
from console.pages.operations.parts import actor, fact, fact_at, go, is_admin
from console.pages.operations.places import CALLBACKS, KEYS, draw_ways
from console.people.person import Role
from console.services.reading import Silent
from console.services.threads import in_thread
from store.access.audit import Action
from store.callbacks.changes import (
    active_target,
    details_of,
    known_endpoint,
    subject_of,
    turn_off,
    turn_on,
)
from store.callbacks.endpoints import Endpoint, State, find_endpoint
from store.callbacks.replay import Replay
from store.database import Database

_ANSWER_S: Final = 30.0
_LOOK_S: Final = 0.5


async def draw(view: View) -> None:
    """What is known of it; the actions for who may take them."""
    draw_ways(view, CALLBACKS)
    found = await view.services.store(partial(find_endpoint, endpoint_id=view.parts["id"]))
    if isinstance(found, Silent):
        store_silent(view, found)
    elif found is None:
        nothing_here(view, "endpoint.missing")
    else:
        _draw_facts(view, found)
        if view.person.role >= Role.OPERATOR:
            _draw_test(view, found)
        if is_admin(view):
            _draw_actions(view, found)


def _draw_facts(view: View, one: Endpoint) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", one.url)
        with tag("dl", "", "facts"):
            fact(text("endpoint.id"), one.id)
            fact(text("endpoint.state"), text(f"endpoint.state.{one.state.value}"))
            fact(text("endpoint.reason"), one.reason or "–")
            fact(text("endpoint.events"), events_of(view, one))
            for name, at in (
                ("endpoint.since", one.since_ms),
                ("endpoint.sent", one.sent_at_ms),
                ("endpoint.failing", one.failing_since_ms),
            ):
                fact_at(view, text(name), at)
        if one.owner:
            link(text("endpoint.key"), view.there(f"{KEYS.path}/{one.owner}"))
        href = view.there("/operations/audit", subject=f"endpoint {one.id}")
        link(text("operations.audit"), href)


def _draw_test(view: View, one: Endpoint) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", text("endpoint.test"))
        tag("p", text("endpoint.test.what"), "soft")
        place = tag("p", "", "said", role="status")
        button = tag("button", text("endpoint.test"), "quiet", type="button")
        button.on("click", partial(_test, view, place, one.id))
        command(view, f"gateway callbacks test {one.id}")


def _draw_actions(view: View, one: Endpoint) -> None:
    text = view.text
    verb = "disable" if one.state is State.ACTIVE else "enable"
    with tag("section", "", "sheet"):
        tag("h2", text(f"endpoint.{verb}"))
        question = text(f"endpoint.{verb}.sure", url=one.url)
        line = f"gateway callbacks {verb} {one.id}"
        asking(view, text(f"endpoint.{verb}"), question, line, partial(_turn, view, one.id, verb))
    with tag("section", "", "sheet"):
        tag("h2", text("endpoint.replay"))
        tag("p", text("endpoint.replay.what"), "soft")
        told, place = tag("p", "", "said", role="status"), tag("div", "", "asked")
        try_it = partial(_try, view, (told, place), one.id)
        with form(text("endpoint.replay"), text("endpoint.replay.try"), try_it):
            field("since", text("endpoint.replay.since"), "2h, 2026-05-01T12:30")
        command(view, f"gateway callbacks replay {one.id} --since 2h --dry-run")


@acting(Role.OPERATOR)
async def _test(view: View, place: Tag, name: str, _: object) -> None:
    """Wait for what the journal writes down of the answer."""
    now_ms = epoch_ms(utc_now())
    target = await view.services.store.change(partial(active_target, name=name, now_ms=now_ms))
    was_failing = await _is_failing(view, name)
    place.say(view.text("endpoint.test.waits"))
    url = view.services.settings.broker_url
    await in_thread(partial(publish_test, url, made_test(target)))
    said = "endpoint.test.unheard"
    for _look in range(round(_ANSWER_S / _LOOK_S)):
        await asyncio.sleep(_LOOK_S)
        found = await view.services.store(partial(find_endpoint, endpoint_id=name))
        if isinstance(found, Endpoint) and (found.sent_at_ms or 0) >= now_ms:
            said = "endpoint.test.taken"
            break
        if not was_failing and await _is_failing(view, name):
            said = "endpoint.test.failing"
            break
    place.say(view.text(said))


async def _is_failing(view: View, name: str) -> bool:
    found = await view.services.store(partial(find_endpoint, endpoint_id=name))
    return isinstance(found, Endpoint) and found.failing_since_ms is not None


@acting(Role.ADMIN)
async def _turn(view: View, name: str, verb: str) -> None:
    turn = turn_on if verb == "enable" else turn_off
    await view.services.store.change(partial(turn, actor=actor(view), name=name))
    go(view.here())


@acting(Role.ADMIN)
async def _try(view: View, places: tuple[Tag, Tag], name: str, sent: Sent) -> None:
    """How many there would be, and the button that makes them."""
    since = sent.get("since", "")
    try:
        since_ms = epoch_ms(parse_moment(since, utc_now()))
    except ValueError as error:
        raise ArgumentError(f"--since: {error}.") from error
    number = await view.services.store.work(
        lambda database: sum(1 for _ in Replay(database, name, since_ms).due())
    )
    told, place = places
    told.say("")
    place.clear()
    with place:
        said = view.text("endpoint.replay.would", n=number)
        tag("p", said)
        if number:
            make = partial(_replay, view, told, name, since_ms)
            confirm = Confirm(view, said, view.text("endpoint.replay"), make)
            button = tag("button", view.text("endpoint.replay"), type="button")
            button.on("click", confirm.open)
            command(view, f"gateway callbacks replay {name} --since {in_iso(since_ms)}")


@acting(Role.ADMIN)
async def _replay(view: View, told: Tag, name: str, since_ms: int) -> None:
    store, settings = view.services.store, view.services.settings

    def look(database: Database) -> tuple[Endpoint, Replay]:
        with database.reading() as connection:
            return known_endpoint(connection, name), Replay(database, name, since_ms)

    one, wanted = await store.work(look)
    details = {**details_of(one), "since_ms": since_ms}
    told.say(view.text("endpoint.replay.begins"))

    def make() -> int:
        url, expires_in_s = settings.broker_url, settings.expires_in_s
        with audited(settings, actor(view), Action.REPLAYED, subject_of(one), details) as noted:
            return replay(url, wanted, expires_in_s, noted.told_to(lambda _: None))

    number = await in_thread(make)
    told.say(view.text("endpoint.replay.made", n=number))
    say(view.text("endpoint.replay.made", n=number))


def in_iso(milliseconds: int) -> str:
    """As a command takes a moment."""
    return utc_at(milliseconds).isoformat(timespec="seconds")

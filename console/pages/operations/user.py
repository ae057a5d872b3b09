"""One user of the console: role, password, disabled or not, removed."""

from functools import partial

from common.errors import ArgumentError
from console.frame.acting import acting
from console.frame.markup import Tag, link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.widgets import command, say
from console.pages.operations.forms import Sent, asking, choice, field, form, shown_once
from console.pages.operations.parts import actor, fact, fact_at, go
from console.pages.operations.places import USERS, draw_ways
from console.pages.operations.users import password_of, roles
from console.people.person import Role
from console.services.reading import Silent
from store.access.user_changes import forget_user, give_password, give_role, let_in, shut_out
from store.access.users import UserRow, find_user


async def draw(view: View) -> None:
    """What is known of one, and what can be done."""
    draw_ways(view, USERS)
    found = await view.services.store(partial(find_user, name=view.parts["name"]))
    if isinstance(found, Silent):
        store_silent(view, found)
    elif found is None:
        nothing_here(view, "user.missing")
    else:
        _draw_facts(view, found)
        _draw_forms(view, found)
        _draw_ends(view, found)


def _draw_facts(view: View, row: UserRow) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", row.name)
        with tag("dl", "", "facts"):
            fact(text("user.role"), text(f"user.role.{row.role}"))
            for name, at in (
                ("user.created", row.created_at_ms),
                ("user.seen", row.seen_at_ms),
                ("user.disabled", row.disabled_at_ms),
            ):
                fact_at(view, text(name), at)
        link(text("operations.audit"), view.there("/operations/audit", subject=f"user {row.name}"))


def _draw_forms(view: View, row: UserRow) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", text("user.role.give"))
        with form(text("user.role.give"), text("user.role.give"), partial(_give, view, row.name)):
            choice("role", text("user.role"), roles(view), row.role)
        command(view, f"gateway console user role {row.name} {row.role}")
    with tag("section", "", "sheet"):
        tag("h2", text("user.password.give"))
        place = tag("div")
        verb = text("user.password.give")
        with form(verb, verb, partial(_password, view, place, row.name)):
            field("password", text("user.password"), kind="password")
        command(view, f"gateway console user password {row.name} --generate")


def _draw_ends(view: View, row: UserRow) -> None:
    text = view.text
    ways = ("enable" if row.is_disabled else "disable", "remove")
    for verb in ways:
        with tag("section", "", "sheet"):
            tag("h2", text(f"user.{verb}"))
            question = text(f"user.{verb}.sure", name=row.name)
            line = f"gateway console user {verb} {row.name}"
            asking(view, text(f"user.{verb}"), question, line, partial(_end, view, row.name, verb))


@acting(Role.ADMIN)
async def _give(view: View, name: str, sent: Sent) -> None:
    role = sent.get("role", "")
    if role not in roles(view):
        raise ArgumentError(f"{role!r} is no role.")
    _expect_another(view, name)
    await view.services.store.change(partial(give_role, actor=actor(view), name=name, role=role))
    go(view.here())


@acting(Role.ADMIN)
async def _password(view: View, place: Tag, name: str, sent: Sent) -> None:
    hashed, made = await password_of(name, sent.get("password", ""))
    change = partial(give_password, actor=actor(view), name=name, password_hash=hashed)
    await view.services.store.change(change)
    place.clear()
    if made is not None:
        with place:
            shown_once(view, made)
    say(view.text("user.password.given", name=name))


@acting(Role.ADMIN)
async def _end(view: View, name: str, verb: str) -> None:
    _expect_another(view, name)
    change = {"enable": let_in, "disable": shut_out, "remove": forget_user}[verb]
    await view.services.store.change(partial(change, actor=actor(view), name=name))
    go(view.there(USERS.path) if verb == "remove" else view.here())


def _expect_another(view: View, name: str) -> None:
    """Nobody locks themselves out by one wrong click. Raises ArgumentError."""
    if view.person.name == name:
        raise ArgumentError(
            f"You are signed in as {name}: have another administrator do this, or "
            "`gateway console user` in a terminal."
        )

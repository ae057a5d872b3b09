"""Users of the console: who may sign in, and a form that makes one."""

import secrets
from functools import partial

from common.errors import ArgumentError
from console.frame.acting import acting
from console.frame.markup import link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import command, say
from console.pages.operations.forms import Sent, choice, field, form, shown_once
from console.pages.operations.parts import actor, table, when
from console.pages.operations.places import USERS, draw_ways
from console.people.passwords import fault_of, hash_of
from console.people.person import Role
from console.services.reading import Silent
from console.services.threads import in_thread
from store.access.user_changes import checked_name, keep_user
from store.access.users import UserRow, load_users

_HEADS = ("user.name", "user.role", "user.seen", "user.created", "user.state")
_MADE_BYTES = 18


async def draw(view: View) -> None:
    """The list and the form."""
    draw_ways(view, USERS)
    await _Users(view).show()


class _Users:
    def __init__(self, view: View) -> None:
        self._view = view
        text = view.text
        with tag("section", "", "sheet"):
            self._list = Part(self._draw_list)
            command(view, "gateway console user list")
        with tag("section", "", "sheet"):
            tag("h2", text("user.add"))
            self._made = tag("div")
            with form(text("user.add"), text("user.add"), partial(_add, view, self)):
                field("name", text("user.name"), "ada")
                choice("role", text("user.role"), roles(view), Role.VIEWER.name.lower())
                field("password", text("user.password"), kind="password")
            command(view, "gateway console user add ada --role viewer --generate")

    async def show(self) -> None:
        """The users that there are now."""
        self._list.show(await self._view.services.store(load_users))

    def say_made(self, password: str | None) -> None:
        """What was made here, this once."""
        self._made.clear()
        if password is not None:
            with self._made:
                shown_once(self._view, password)

    def _draw_list(self, found: list[UserRow] | Silent) -> None:
        if isinstance(found, Silent):
            store_silent(self._view, found)
        elif not found:
            nothing_here(self._view, "user.none")
        else:
            table(self._view, "operations.users", _HEADS, found, self._draw_user)

    def _draw_user(self, row: UserRow) -> None:
        view = self._view
        with tag("td"):
            link(row.name, view.there(f"{USERS.path}/{row.name}"))
        tag("td", view.text(f"frame.role.{row.role}"))
        when(view, row.seen_at_ms)
        when(view, row.created_at_ms)
        tag("td", view.text("user.disabled") if row.is_disabled else "")


def roles(view: View) -> dict[str, str]:
    """Role → what it may, in words."""
    return {one.name.lower(): view.text(f"user.role.{one.name.lower()}") for one in Role}


async def password_of(name: str, typed: str) -> tuple[str, str | None]:
    """What is kept of a password, and the password itself where it was made here.

    typed: "" to have one made. Raises ArgumentError.
    """
    if typed and (fault := fault_of(typed, name)):
        raise ArgumentError(f"The password {fault}. Nothing was changed.")
    made = None if typed else secrets.token_urlsafe(_MADE_BYTES)
    return await in_thread(partial(hash_of, typed or made or "")), made


@acting(Role.ADMIN)
async def _add(view: View, page: _Users, sent: Sent) -> None:
    name = checked_name(sent.get("name", ""))
    role = sent.get("role", "")
    if role not in roles(view):
        raise ArgumentError(f"{role!r} is no role.")
    hashed, made = await password_of(name, sent.get("password", ""))
    keep = partial(keep_user, actor=actor(view), name=name, role=role, password_hash=hashed)
    row = await view.services.store.change(keep)
    page.say_made(made)
    say(view.text("user.made", name=row.name))
    await page.show()

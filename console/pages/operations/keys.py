"""Keys of the API: which there are, and a form that makes one."""

import shlex
from functools import partial

from common.errors import ArgumentError
from common.times import epoch_ms, utc_now
from console.frame.acting import acting
from console.frame.markup import link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import command, say
from console.pages.operations.forms import Sent, choice, field, form, lines, shown_once, tick
from console.pages.operations.parts import actor, is_admin, table, when
from console.pages.operations.places import KEYS, draw_ways
from console.people.person import Role
from console.services.reading import Silent
from store.access.key_changes import keep_key
from store.access.key_form import Mode, Scope
from store.access.keys import KeyRow, load_keys
from store.access.making import make_key
from store.callbacks.changes import checked_events, checked_url, secret_of

_HEADS = ("key.id", "key.name", "key.mode", "key.scopes", "key.rate", "key.used", "key.ends")


async def draw(view: View) -> None:
    """The list, and the form for who may use it."""
    draw_ways(view, KEYS)
    page = _Keys(view)
    await page.show()


class _Keys:
    def __init__(self, view: View) -> None:
        self._view = view
        text = view.text
        with tag("section", "", "sheet"):
            self._list = Part(self._draw_list)
            everything = view.query.get("all") == "yes"
            href = view.here(all=None if everything else "yes")
            link(text("key.good" if everything else "key.all"), href)
            command(view, "gateway keys list --all" if everything else "gateway keys list")
        if is_admin(view):
            with tag("section", "", "sheet"):
                tag("h2", text("key.create"))
                self._made = tag("div")
                self._draw_form()

    async def show(self) -> None:
        """The keys that there are now."""
        self._list.show(await self._view.services.store(load_keys))

    def say_made(self, key: str, secret: str | None, line: str) -> None:
        """What was made, this once."""
        self._made.clear()
        with self._made:
            shown_once(self._view, key)
            if secret is not None:
                tag("p", self._view.text("key.callback.secret"))
                shown_once(self._view, secret)
            command(self._view, line)

    def _draw_list(self, found: list[KeyRow] | Silent) -> None:
        if isinstance(found, Silent):
            store_silent(self._view, found)
            return
        now_ms = epoch_ms(utc_now())
        everything = self._view.query.get("all") == "yes"
        shown = [one for one in reversed(found) if everything or one.is_good(now_ms)]
        if not shown:
            nothing_here(self._view, "key.none", "key.none.how")
            return
        table(self._view, "operations.keys", _HEADS, shown, self._draw_key)

    def _draw_key(self, row: KeyRow) -> None:
        view = self._view
        with tag("td"):
            link(row.id, view.there(f"{KEYS.path}/{row.id}"), "id")
        tag("td", row.name)
        tag("td", view.text(f"key.mode.{row.mode.value}"))
        tag("td", ", ".join(sorted(row.scopes)))
        tag("td", row.rate or "–")
        when(view, row.seen_at_ms)
        if row.revoked_at_ms is not None:
            tag("td", view.text("key.revoked"), "grave")
        else:
            when(view, row.expires_at_ms)

    def _draw_form(self) -> None:
        text = self._view.text
        with form(text("key.create"), text("key.create"), partial(_create, self._view, self)):
            field("name", text("key.name"), text("key.name.hint"))
            choice(
                "mode",
                text("key.mode"),
                {one.value: text(f"key.mode.{one.value}.what") for one in Mode},
                Mode.LIVE,
            )
            for scope in Scope:
                tick(scope.value, text(f"key.scope.{scope.value}"), is_on=True)
            field("rate", text("key.rate"), "100/s, 1000/h")
            field("expires", text("key.expires"), "90d, 2026-12-31")
            lines("recipients", text("key.recipients"), "email:ada@example.com")
            field("url", text("key.callback.url"), "https://shop.example.com/hooks")
            field("events", text("key.callback.events"), "delivery.failed,notification.*")


@acting(Role.ADMIN)
async def _create(view: View, page: _Keys, sent: Sent) -> None:
    scopes = ",".join(one.value for one in Scope if one.value in sent)
    recipients = sent.get("recipients", "").split()
    mode = Mode(sent.get("mode", "")) if sent.get("mode") in [*Mode] else Mode.LIVE
    rate, expires = sent.get("rate") or None, sent.get("expires") or None
    key, row = make_key(sent.get("name", ""), scopes, mode, rate, recipients, expires, utc_now())
    url = checked_url("--callback-url", sent["url"]) if sent.get("url") else None
    events = checked_events(sent.get("events") or None)
    if url is None and events:
        raise ArgumentError("--callback-events needs --callback-url, which is told of them.")
    settings = view.services.settings
    secret = None if url is None else secret_of(settings, row.id, row.secret_version)
    await view.services.store.change(
        partial(keep_key, actor=actor(view), row=row, callback_url=url, events=events)
    )
    page.say_made(key, secret, line_of(row, expires, url, sent.get("events") or None))
    say(view.text("key.made", name=row.name))
    await page.show()


def line_of(row: KeyRow, expires: str | None, url: str | None, events: str | None) -> str:
    """The command that makes such a key."""
    words = ["gateway", "keys", "create", "--name", row.name]
    words += ["--scopes", ",".join(sorted(row.scopes)), "--mode", row.mode.value]
    for option, value in (("rate", row.rate), ("expires", expires), ("callback-url", url)):
        words += [f"--{option}", value] if value else []
    words += ["--callback-events", events] if events else []
    for one in row.recipients:
        words += ["--recipient", one]
    return shlex.join(words)

"""The list of notifications: a search that says what it understood, and pages of what it found."""

from typing import Final

from nicegui import ui

from common.channels import CHANNELS
from common.times import epoch_ms, utc_at, utc_now
from console.frame.acting import may_not
from console.frame.markup import link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.times import RANGES
from console.frame.widgets import address, command, keyset_table, moment, short_id, state_badge
from console.pages.notifications.asked import Asked, read_asked
from console.pages.notifications.commands import list_command
from console.pages.notifications.finding import Found, Listed, NoSuchPage, find, read_cut
from console.people.person import Role
from console.services.reading import Silent
from store.rows import Overall

_HEADS: Final = ("status", "at", "id", "to", "deliveries")
_MOST_SUBJECT: Final = 120
_MOST_TAGS: Final = 5


async def draw(view: View) -> None:
    """Draw it."""
    now = utc_now()
    asked = read_asked(view.query, now)
    _draw_form(view, asked)
    _draw_understood(view, asked)
    if asked.words and not _sees_content(view):
        tag("p", f"{view.text('notifications.words')} {may_not(view, Role.OPERATOR)}", "notice")
        return
    try:
        cut = read_cut(view.query)
    except NoSuchPage:
        nothing_here(view, "notifications.page.unknown")
        return
    if asked.unread:
        return
    found = await find(view.services.store, asked, cut, epoch_ms(now))
    if isinstance(found, Silent):
        store_silent(view, found)
        return
    if asked.place is not None and found.rows:
        ui.navigate.to(asked.place.path)
    _draw_found(view, asked, found)


def _sees_content(view: View) -> bool:
    return view.person.role >= Role.OPERATOR


def _draw_form(view: View, asked: Asked) -> None:
    text = view.text
    with tag(
        "form",
        "",
        "sheet asking",
        method="get",
        action="/notifications",
        aria_label=text("notifications.search"),
    ):
        tag(
            "input",
            "",
            "line",
            type="search",
            name="q",
            value=view.query.get("q", ""),
            aria_label=text("notifications.line"),
            aria_describedby="how",
            placeholder=text("notifications.line"),
            autocomplete="off",
            maxlength=320,
        )
        states = [(one.value, text(f"state.{one.value}")) for one in Overall]
        _draw_choice(view, "status", states)
        _draw_choice(view, "channel", [(one, text(f"channel.{one}")) for one in CHANNELS])
        _draw_choice(view, "range", [(one, text(f"notifications.range.{one}")) for one in RANGES])
        tag(
            "input",
            name="code",
            value=view.query.get("code", ""),
            aria_label=text("notifications.code"),
            placeholder=text("notifications.code"),
            autocomplete="off",
            maxlength=100,
        )
        tag("button", text("frame.search.do"), type="submit")
        tag("p", text("notifications.how"), "soft", id="how")


def _draw_choice(view: View, name: str, values: list[tuple[str, str]]) -> None:
    chosen = view.query.get(name, "")
    with tag("select", name=name, aria_label=view.text(f"notifications.{name}")):
        tag("option", view.text(f"notifications.{name}.any"), value="")
        for value, word in values:
            tag("option", word, value=value, selected=True if value == chosen else None)


def _draw_understood(view: View, asked: Asked) -> None:
    text = view.text
    for name, value in asked.unread:
        said = text("notifications.unread", name=name, value=value)
        tag("p", f"{said} {text(f'notifications.unread.{name}')}", "notice needs", role="alert")
    understood = [*asked.understood()]
    if understood:
        with tag("p", "", "understood"):
            tag("span", text("notifications.understood"), "soft")
            for name, value in understood:
                tag("span", f"{text(f'notifications.{name}')}: {_word(view, name, value)}", "chip")
            link(text("notifications.all"), view.path)


def _word(view: View, name: str, value: str) -> str:
    match name:
        case "status":
            return view.text(f"state.{value}")
        case "channel":
            return view.text(f"channel.{value}")
        case "range":
            return view.text(f"notifications.range.{value}")
    return value


def _draw_found(view: View, asked: Asked, found: Found) -> None:
    if not found.rows:
        is_filtered = any(asked.understood())
        what = "notifications.none.found" if is_filtered else "notifications.none"
        nothing_here(view, what, "notifications.none.how" if not is_filtered else "")
    else:
        keyset_table(
            view,
            [f"notifications.head.{one}" for one in _HEADS],
            found.rows,
            lambda one: _draw_row(view, one),
            label="page.notifications",
            after=found.older,
            before=found.newer,
        )
    if line := list_command(asked):
        command(view, line)


def _draw_row(view: View, one: Listed) -> None:
    path = f"/notifications/{one.id}"
    with tag("td"):
        state_badge(view, one.status)
        if one.is_test:
            tag("p", view.text("notifications.test"), "soft")
    with tag("td"):
        moment(view, utc_at(one.accepted_at_ms))
    with tag("td"):
        short_id(view, str(one.id), path)
    with tag("td"):
        _draw_recipients(view, one)
    with tag("td"):
        counts = ", ".join(
            f"{view.text.number(n)} {view.text(f'state.{state}')}" for state, n in one.counts
        )
        tag("span", counts)


def _draw_recipients(view: View, one: Listed) -> None:
    text = view.text
    said = ", ".join(address(view, *recipient) for recipient in one.recipients)
    tag("span", f"{said} {text('frame.more', n=one.more) if one.more else ''}".strip())
    if one.subject and _sees_content(view):
        tag("p", one.subject[:_MOST_SUBJECT], "soft", dir="auto")
    if one.tags:
        tag("p", " ".join(f"#{it}" for it in one.tags[:_MOST_TAGS]), "soft")

"""The list of deliveries: channels, what is searched for, the rows, and what can be done to all."""

from typing import Final

from deploy.sandbox.inbox.finding import Found
from deploy.sandbox.inbox.records import ADDRESS_CHARACTERS, Attempt, Thread, shorten
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.inbox.tally import Tally
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, tag
from deploy.sandbox.pages.searching import draw_help, explain
from deploy.sandbox.pages.shown import draw_action, draw_channel, draw_time

MAX_SHOWN: Final = 200


def draw_list(asked: Asked, inbox: Inbox, found: Found, current: str = "") -> Html:
    """Return the list; current: the path of the message that is open beside it."""
    rows = [_row(asked, thread, current) for thread in found.threads]
    return tag(
        "section",
        _channels(asked, inbox),
        tag("button", type="button", id="newer", class_="strong", hidden=True),
        tag("p", explain(asked, inbox, found), id="found", class_="soft"),
        _actions(asked) if rows else None,
        tag("ul", rows, class_="threads") if rows else _empty(asked),
        _pages(asked, found),
        draw_help(asked),
        id="list",
        data_live=True,
        aria_label=asked.text("list.label"),
    )


def path_of(thread: Thread) -> str:
    """The path of a delivery's page: its newest message's, or its newest call's."""
    delivered = thread.delivered
    return f"/inbox/{delivered[-1]}" if delivered else f"/attempts/{thread.last.n}"


def unread_of(inbox: Inbox) -> int:
    """How many deliveries nobody has read."""
    return sum(tally.unread for tally in inbox.tallies.values())


def _channels(asked: Asked, inbox: Inbox) -> Html:
    everything = sum(inbox.tallies.values(), Tally())
    tabs = [_tab(asked, "", everything)]
    tabs += [_tab(asked, channel, tally) for channel, tally in inbox.tallies.items()]
    return tag("nav", tabs, class_="tabs", aria_label=asked.text("list.channels"))


def _tab(asked: Asked, channel: str, tally: Tally) -> Html:
    text = asked.text
    unread = tag(
        "span",
        str(tally.unread),
        tag("span", f" {text('list.unread')}", class_="unseen"),
        class_="count",
    )
    return tag(
        "a",
        draw_channel(channel) if channel else text("list.all"),
        unread if tally.unread else None,
        href=asked.href("/inbox", channel=channel, before=0),
        title=text("list.tally", kept=tally.deliveries, unread=tally.unread),
        aria_current="page" if channel == asked.channel else None,
    )


def _actions(asked: Asked) -> Html:
    text = asked.text
    which = "these" if asked.is_filtered else "all"
    return tag(
        "p",
        draw_action(text(f"list.read.{which}"), "PUT", asked.href("/inbox/read")),
        draw_action(
            text(f"list.clear.{which}"),
            "DELETE",
            asked.href("/inbox"),
            question=text(f"list.clear.{which}.question"),
            then=asked.href("/inbox"),
        ),
        class_="actions",
    )


def _row(asked: Asked, thread: Thread, current: str) -> Html:
    text, last, path = asked.text, thread.last, path_of(thread)
    recipient = shorten(last.recipient, ADDRESS_CHARACTERS) or text("row.nobody")
    what = thread.preview or (
        text("row.no_text") if thread.delivered else text("row.before", call=last.call)
    )
    mark = tag("span", text("row.unread"), class_="unseen") if not thread.is_read else None
    link = tag(
        "a",
        tag("span", draw_channel(last.channel), tag("bdi", recipient), class_="who"),
        draw_time(last.at),
        tag("span", mark, what, class_="what", dir="auto"),
        tag("span", _states(asked, thread), class_="states"),
        href=asked.href(path),
        id=path,
        class_="unread" if not thread.is_read else None,
        aria_current="true" if path == current else None,
    )
    return tag("li", link)


def _states(asked: Asked, thread: Thread) -> list[Html]:
    """How often a delivery was delivered and refused, and why, if it is not there."""
    text, delivered = asked.text, len(thread.delivered)
    states = []
    if delivered == 1:
        states.append(tag("span", text("state.delivered")))
    if delivered > 1:
        states.append(tag("span", text("state.times", n=delivered), class_="wait"))
    if thread.stopped:
        states.append(tag("span", text("state.stopped", n=thread.stopped)))
    if thread.refused:
        is_over = delivered and not thread.last.is_refused
        look = "wait" if is_over else "bad"
        name = "state.refused_before" if is_over else "state.refused"
        states.append(tag("span", text(name, n=thread.refused), class_=look))
        refusal = next(one for one in reversed(thread.attempts) if one.is_refused)
        states.append(tag("bdi", shorten(answer_of(refusal))))
    return states


def answer_of(attempt: Attempt) -> str:
    """What a call was answered."""
    return attempt.answer or attempt.code or ""


def _empty(asked: Asked) -> Html:
    text = asked.text
    if asked.is_filtered:
        return tag("div", tag("p", text("empty.filtered")), class_="empty")
    return tag(
        "div",
        tag("p", text("empty.all")),
        tag("p", text("empty.how"), class_="soft"),
        class_="empty",
    )


def _pages(asked: Asked, found: Found) -> Html | None:
    text, links = asked.text, []
    if asked.before:
        links.append(tag("a", text("list.newest"), href=asked.href("/inbox", before=0)))
    if found.has_more:
        last = found.threads[-1].last.n if found.threads[-1].attempts else asked.before
        links.append(tag("a", text("list.older"), href=asked.href("/inbox", before=last)))
    return tag("nav", links, class_="pages", aria_label=text("list.pages")) if links else None

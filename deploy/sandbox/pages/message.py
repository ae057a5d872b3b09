"""The page of one delivery: what arrived as its recipient sees it, and every call for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.sandbox.email.opened import OpenedMail
from deploy.sandbox.inbox.records import ADDRESS_CHARACTERS, Attempt, Entry, Thread, shorten
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.listing import MAX_SHOWN, answer_of
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.shown import (
    draw_action,
    draw_channel,
    draw_table,
    draw_time,
    draw_unblocking,
)
from deploy.sandbox.pages.views.bubbles import draw_bubble
from deploy.sandbox.pages.views.mails import mail_views
from deploy.sandbox.pages.views.webhooks import webhook_views

Views = list[tuple[str, str, Html]]


@dataclass(frozen=True)
class Shown:
    """What a page is about: a message or a call, and the calls for the same delivery.

    mail: of an email, with source, the bytes that it came as, while they are kept; is_blocked:
    whether its recipient fails on purpose, None for all others.
    """

    path: str
    thread: Thread
    entry: Entry | None = None
    attempt: Attempt | None = None
    mail: OpenedMail | None = None
    source: bytes | None = None
    is_blocked: bool | None = None

    @property
    def channel(self) -> str:
        """The channel that it came by."""
        return self.thread.last.channel

    def title(self, asked: Asked) -> str:
        """What stands above it."""
        if self.entry is None:
            return asked.text("message.attempt", n=self.attempt.n if self.attempt else "")
        return self.entry.preview or asked.text("message.title", n=self.entry.n)


def draw_message(asked: Asked, shown: Shown) -> Html:
    """Return the message with the view that is asked for, or the first there is."""
    text = asked.text
    views = _views(asked, shown)
    current = next((one for one in views if one[0] == asked.view), views[0])
    back = tag("a", f"← {text('frame.inbox')}", href=asked.href("/inbox"), id="back")
    tabs = [
        tag(
            "a",
            title,
            href=asked.href(shown.path, view=name),
            id=f"view-{name}",
            aria_current="page" if name == current[0] else None,
        )
        for name, title, _ in views
    ]
    return tag(
        "article",
        tag("p", back, _actions(asked, shown), class_="actions"),
        tag("h2", tag("bdi", shown.title(asked)), id="title", tabindex="-1"),
        draw_table((name, value) for name, value in _facts(asked, shown) if value),
        tag("nav", tabs, class_="tabs", aria_label=text("message.views")),
        tag("div", current[2], id="view"),
        id="message",
        aria_labelledby="title",
    )


def draw_nothing(asked: Asked) -> Html:
    """Return what stands beside the list while no message is open."""
    words = tag("p", asked.text("message.choose"), class_="soft")
    return tag(
        "article", words, id="message", class_="closed", aria_label=asked.text("message.none")
    )


def _actions(asked: Asked, shown: Shown) -> Html:
    text = asked.text
    return join(
        _unblocking(asked, shown),
        draw_action(text("message.unread"), "DELETE", f"{shown.path}/read", then=_list(asked)),
        draw_action(text("message.delete"), "DELETE", shown.path, then=_list(asked)),
    )


def _unblocking(asked: Asked, shown: Shown) -> Html | None:
    one = shown.entry or shown.attempt
    if one is None or shown.is_blocked is None:
        return None
    whom = one.recipient or ""
    return draw_unblocking(asked.text, one.channel, whom, is_blocked=shown.is_blocked)


def _list(asked: Asked) -> str:
    return asked.href("/inbox")


def _views(asked: Asked, shown: Shown) -> Views:
    return [
        *_own_views(asked, shown),
        ("attempts", asked.text("view.attempts"), _calls(asked, shown)),
    ]


def _own_views(asked: Asked, shown: Shown) -> Iterator[tuple[str, str, Html]]:
    text, entry = asked.text, shown.entry
    if entry is None:
        return
    if shown.mail is not None:
        yield from mail_views(asked, entry, shown.mail, shown.source)
    elif shown.channel == "webhook":
        yield from webhook_views(asked, entry)
    else:
        yield "chat", text("view.chat"), draw_bubble(asked, entry)
        fields = draw_table([("text", entry.text), *entry.params.items()])
        yield "fields", text("view.fields"), fields


def _facts(asked: Asked, shown: Shown) -> Iterator[tuple[str, str | Html]]:
    text, entry, attempt = asked.text, shown.entry, shown.attempt
    one = entry or attempt
    if one is None:
        return
    recipient = tag("bdi", shorten(one.recipient, ADDRESS_CHARACTERS) or text("row.nobody"))
    yield text("fact.to"), join(draw_channel(one.channel), " ", recipient)
    if entry is not None and entry.header("from"):
        yield text("fact.from"), entry.header("from")
    yield text("fact.at"), draw_time(one.at, is_whole=True)
    yield text("fact.delivery"), one.delivery_id or text("fact.no_delivery")
    if entry is not None:
        yield text("fact.provider_id"), entry.provider_id
        if entry.duplicate_of:
            link = tag("a", str(entry.duplicate_of), href=f"/inbox/{entry.duplicate_of}")
            yield text("fact.repeats"), tag("span", link, class_="wait")
    elif attempt is not None:
        yield text("fact.call"), attempt.call
        yield text("fact.answer"), answer_of(attempt)
        yield text("fact.preview"), attempt.preview


def _calls(asked: Asked, shown: Shown) -> Html:
    rows = [(one, _call(asked, one)) for one in shown.thread.attempts[-MAX_SHOWN:]]
    return tag(
        "table",
        (
            tag("tr", tag("th", draw_time(one.at), scope="row"), tag("td", said))
            for one, said in rows
        ),
        class_="calls",
    )


def _call(asked: Asked, attempt: Attempt) -> Html:
    text = asked.text
    look = {"accepted": None, "duplicate": "wait"}.get(attempt.verdict, "bad")
    verdict: str = text(f"verdict.{attempt.verdict}")
    if attempt.verdict == "accepted" and attempt.message:
        said = text("call.accepted_as", n=attempt.message)
        verdict = tag("a", said, href=f"/inbox/{attempt.message}")
    recipient = shorten(attempt.recipient, ADDRESS_CHARACTERS) or text("row.nobody")
    fault = f", {text('call.fault')} {attempt.fault}" if attempt.fault else ""
    return join(
        tag("span", verdict, class_=look),
        " ",
        tag("bdi", answer_of(attempt)),
        " ",
        tag("span", f"{attempt.call} → ", tag("bdi", recipient), fault, class_="soft"),
    )

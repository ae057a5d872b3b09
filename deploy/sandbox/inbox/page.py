"""The inbox as a page: plain HTML, our own style, nothing from elsewhere, everything escaped.

What strangers wrote stands in <bdi> or under dir=auto: right-to-left text then turns nothing else.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from common.channels import CHANNELS
from deploy.sandbox.faults import magic_table
from deploy.sandbox.inbox.records import ADDRESS_CHARACTERS, Attempt, Entry, Thread, shorten
from deploy.sandbox.inbox.store import Inbox

MAX_SHOWN: Final = 200

# It shows strangers' HTML: nothing but our own two files and inline styles may load.
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; img-src data:; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
}

_EMPTY: Final = (
    '<div class="empty"><p>Nothing has arrived yet.</p>'
    '<p class="soft">Messages and refused attempts show up here by themselves.</p></div>'
)
_BACK: Final = '<p class="back"><a href="/inbox">← Inbox</a></p>'


def render_list(inbox: Inbox, channel: str = "", recipient: str = "") -> str:
    """Return the page with the 200 matching deliveries that had the newest attempts."""
    threads = list(islice(inbox.threads(channel, recipient), MAX_SHOWN))
    accepted = len(inbox.entries(channel, recipient))
    refused = sum(one.is_refused for one in inbox.attempts(channel, recipient))
    tabs = "".join(_tab(name, recipient, name == channel) for name in ("", *CHANNELS))
    counts = (
        f"{accepted} accepted, {refused} refused; duplicates in all: {inbox.duplicates}. "
        f"Newest first, at most {MAX_SHOWN}. Times are UTC."
    )
    only = (
        f" To <bdi>{escape(shorten(recipient, ADDRESS_CHARACTERS))}</bdi> only."
        if recipient
        else ""
    )
    rows = "".join(map(_row, threads))
    listed = f'<ul class="threads">{rows}</ul>' if rows else _EMPTY
    magic = _table(
        (f"{name} {recipients}", f"{often}: {what}")
        for name, recipients, often, what in magic_table()
    )
    return _page(
        "Sandbox inbox",
        f"<header><h1>Sandbox inbox</h1><nav>{tabs}</nav></header>"
        f'<main id="live"><p class="soft">{counts}{only}</p>{listed}</main>'
        f"<details><summary>Recipients that fail on purpose</summary>{magic}</details>",
    )


def render_message(entry: Entry, thread: Thread) -> str:
    """Return the page of one message; its HTML is shown in a frame that can do nothing."""
    facts = [
        ("To", entry.recipient),
        ("Arrived", _moment(entry.at)),
        ("Delivery", entry.delivery_id or _UNKNOWN_ID),
        ("Provider's id", entry.provider_id),
        ("Attachments", ", ".join(entry.attachments)),
    ]
    repeats = (
        f'<p class="twice">Repeats message <a href="/inbox/{entry.duplicate_of}">'
        f"{entry.duplicate_of}</a>.</p>"
        if entry.duplicate_of
        else ""
    )
    frame = (
        f'<h2>HTML</h2><iframe sandbox title="HTML body" srcdoc="{escape(entry.html)}"></iframe>'
        if entry.html
        else ""
    )
    details = [*entry.headers, *entry.params.items()]
    more = f"<details><summary>Details</summary>{_table(details)}</details>" if details else ""
    body = f'{repeats}<h2>Text</h2><pre dir="auto">{escape(entry.text)}</pre>{frame}'
    title = entry.subject or f"Message {entry.n}"
    return _thread_page(title, entry.channel, facts, body, thread, more)


def render_attempt(attempt: Attempt, thread: Thread) -> str:
    """Return the page of one call, which may have delivered nothing."""
    facts = [
        ("To", attempt.recipient or "not said yet"),
        ("At", _moment(attempt.at)),
        ("Call", attempt.call),
        ("Answer", _answer(attempt)),
        ("Delivery", attempt.delivery_id or _UNKNOWN_ID),
        ("First words", attempt.preview),
    ]
    return _thread_page(f"Attempt {attempt.n}", attempt.channel, facts, "", thread, "")


def render_error(status: int, title: str, what: str) -> str:
    """Return the page that says what is wrong and where to go."""
    return _page(
        title,
        f'{_BACK}<main><h1>{escape(title)}</h1><p dir="auto">{escape(what)}</p>'
        '<p>All that arrived, and all that was refused, is in <a href="/inbox">the inbox</a>.</p>'
        f'<p class="soft">HTTP status {status}</p></main>',
    )


_UNKNOWN_ID: Final = "not said by the client"


def _thread_page(
    title: str,
    channel: str,
    facts: Iterable[tuple[str, str]],
    body: str,
    thread: Thread,
    more: str,
) -> str:
    shown = [(name, value) for name, value in facts if value]
    calls = "".join(map(_call, thread.attempts[-MAX_SHOWN:]))
    return _page(
        title,
        f"{_BACK}<main><header><h1><bdi>{escape(title)}</bdi></h1>{_badge(channel)}</header>"
        f"{_table(shown)}<h2>Attempts for this delivery</h2><table>{calls}</table>"
        f"{body}{more}</main>",
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(shorten(title))}</title>"
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">'
        f'<script src="/page.js" defer></script></head><body>{body}</body></html>'
    )


def _tab(channel: str, recipient: str, is_current: bool) -> str:
    asked = {"channel": channel, "recipient": recipient}
    query = urlencode({name: value for name, value in asked.items() if value})
    current = ' aria-current="page"' if is_current else ""
    address = escape(f"/inbox?{query}") if query else "/inbox"
    return f'<a href="{address}"{current}>{channel or "all"}</a>'


def _badge(channel: str) -> str:
    return f'<span class="channel {escape(channel)}">{escape(channel)}</span>'


def _row(thread: Thread) -> str:
    last, delivered = thread.last, thread.delivered
    page = f"/inbox/{delivered[-1]}" if delivered else f"/attempts/{last.n}"
    recipient = shorten(last.recipient, ADDRESS_CHARACTERS) or "no recipient yet"
    what = thread.preview or (
        "(no text)" if delivered else f"(refused at {last.call}, before the message)"
    )
    return (
        f'<li><a href="{page}" id="{page}"><span class="who">{_badge(last.channel)}'
        f"<bdi>{escape(recipient)}</bdi></span>"
        f'<time datetime="{last.at.isoformat()}">{last.at:%H:%M:%S}</time>'
        f'<span class="what" dir="auto">{escape(what)}</span>'
        f'<span class="states">{_states(thread)}</span></a></li>'
    )


def _states(thread: Thread) -> str:
    """How often a delivery was delivered and refused, and why, if it is not there."""
    delivered = len(thread.delivered)
    states = []
    if delivered == 1:
        states.append('<span class="good">delivered</span>')
    if delivered > 1:
        states.append(f'<span class="twice">delivered {delivered} times</span>')
    if thread.stopped:
        states.append(f"<span>repeated {_times(thread.stopped)}, not delivered again</span>")
    if thread.refused:
        before = " before" if delivered and not thread.last.is_refused else ""
        states.append(f'<span class="bad">refused {_times(thread.refused)}{before}</span>')
        refusal = next(one for one in reversed(thread.attempts) if one.is_refused)
        states.append(f"<bdi>{escape(shorten(_answer(refusal)))}</bdi>")
    return "".join(states)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _call(attempt: Attempt) -> str:
    look = {"accepted": "good", "duplicate": "twice"}.get(attempt.verdict, "bad")
    verdict = escape(attempt.verdict)
    if attempt.verdict == "accepted" and attempt.message:
        verdict = f'<a href="/inbox/{attempt.message}">accepted as {attempt.message}</a>'
    recipient = shorten(attempt.recipient, ADDRESS_CHARACTERS) or "nobody yet"
    fault = f", fault {escape(attempt.fault)}" if attempt.fault else ""
    return (
        f'<tr><th><time datetime="{attempt.at.isoformat()}">{attempt.at:%H:%M:%S}</time></th>'
        f'<td><span class="{look}">{verdict}</span> <bdi>{escape(_answer(attempt))}</bdi> '
        f'<span class="soft">{escape(attempt.call)} to '
        f"<bdi>{escape(recipient)}</bdi>{fault}</span></td></tr>"
    )


def _answer(attempt: Attempt) -> str:
    return attempt.answer or attempt.code or ""


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th><bdi>{escape(name)}</bdi></th><td dir="auto">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table>{cells}</table>"

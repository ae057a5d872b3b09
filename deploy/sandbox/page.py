"""The inbox as a page: plain HTML, our own style, nothing from elsewhere, everything escaped."""

from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import urlencode

from deploy.sandbox.faults import CHANNELS, magic_table
from deploy.sandbox.inbox import Entry, Inbox

MAX_SHOWN: Final = 200
PREVIEW_CHARACTERS: Final = 120

STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --soft: #888; --accent: #2563eb; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
a { color: inherit; }
header { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap; }
nav a { margin-right: .8rem; text-decoration: none; color: var(--soft); }
nav a[aria-current] { color: inherit; border-bottom: 2px solid var(--accent); }
ul.messages { list-style: none; padding: 0; }
ul.messages a { display: grid; grid-template-columns: 6rem 15rem 1fr 5rem; gap: 1rem;
  padding: .6rem .4rem; border-top: 1px solid var(--line); text-decoration: none; }
ul.messages a:hover { background: #8881; }
ul.messages span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.preview, time, .soft { color: var(--soft); }
.channel { justify-self: start; padding: 0 .6rem; border-radius: 1rem; color: #fff; }
.email { background: #b45309; } .telegram { background: #0369a1; } .vk { background: #1d4ed8; }
.empty { padding: 3rem; text-align: center; border: 1px dashed var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: normal; color: var(--soft); width: 11rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
iframe { width: 100%; height: 24rem; border: 1px solid var(--line); background: #fff; }
@media (max-width: 40rem) { ul.messages a { grid-template-columns: 6rem 1fr; } }
"""

# Swaps the list every two seconds, and only when it changed, so that nothing flickers.
SCRIPT: Final = """\
async function refresh() {
  const list = document.querySelector("#live");
  if (!list || document.hidden) return;
  try {
    const page = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("#live");
    if (fresh && fresh.innerHTML !== list.innerHTML) list.replaceWith(fresh);
  } catch { /* the sandbox is away; keep what is shown */ }
}
setInterval(refresh, 2000);
"""


def render_list(inbox: Inbox, channel: str = "", recipient: str = "") -> str:
    """Return the page with the newest 200 matching messages."""
    entries = inbox.entries(channel, recipient)
    tabs = "".join(_tab(name, name == channel) for name in ("", *CHANNELS))
    counts = f"{len(entries)} accepted, {inbox.duplicates} duplicates"
    rows = "".join(_row(entry) for entry in reversed(entries[-MAX_SHOWN:]))
    listed = f'<ul class="messages">{rows}</ul>' if rows else _EMPTY
    return _page(
        "Sandbox inbox",
        f"<header><h1>Sandbox inbox</h1><nav>{tabs}</nav></header>"
        f'<main id="live"><p class="soft">{counts}</p>{listed}</main>'
        f"<details><summary>Recipients that fail on purpose</summary>{_magic()}</details>",
    )


def render_message(entry: Entry) -> str:
    """Return the page of one message; its HTML is shown in a frame that can do nothing."""
    facts = [
        ("To", entry.recipient),
        ("Arrived", entry.at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Delivery", entry.delivery_id),
        ("Provider's id", entry.provider_id),
        ("Repeats message", entry.duplicate_of),
        ("Attachments", ", ".join(entry.attachments)),
    ]
    shown = [(name, str(value)) for name, value in facts if value]
    frame = (
        f'<h2>HTML</h2><iframe sandbox title="HTML body" srcdoc="{escape(entry.html)}"></iframe>'
        if entry.html
        else ""
    )
    details = [*entry.headers, *entry.params.items()]
    more = f"<details><summary>Details</summary>{_table(details)}</details>" if details else ""
    title = entry.subject or f"Message {entry.n}"
    return _page(
        title,
        f'<p><a href="/inbox">← Inbox</a></p><header><h1>{escape(title)}</h1>'
        f"{_badge(entry.channel)}</header>{_table(shown)}"
        f"<pre>{escape(entry.text)}</pre>{frame}{more}",
    )


_EMPTY: Final = (
    '<div class="empty"><p>Nothing has arrived yet.</p>'
    '<p class="soft">Messages show up here by themselves.</p></div>'
)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">'
        f'<script src="/page.js" defer></script></head><body>{body}</body></html>'
    )


def _tab(channel: str, is_current: bool) -> str:
    address = f"/inbox?{urlencode({'channel': channel})}" if channel else "/inbox"
    current = ' aria-current="page"' if is_current else ""
    return f'<a href="{address}"{current}>{channel or "all"}</a>'


def _badge(channel: str) -> str:
    return f'<span class="channel {escape(channel)}">{escape(channel)}</span>'


def _row(entry: Entry) -> str:
    preview = " ".join(entry.text.split())[:PREVIEW_CHARACTERS]
    subject = f"{escape(entry.subject)} " if entry.subject else ""
    repeat = "↻ " if entry.duplicate_of else ""
    return (
        f'<li><a href="/inbox/{entry.n}">{_badge(entry.channel)}'
        f"<span>{escape(entry.recipient)}</span>"
        f'<span>{repeat}{subject}<span class="preview">{escape(preview)}</span></span>'
        f'<time datetime="{entry.at.isoformat()}">{entry.at:%H:%M:%S}</time></a></li>'
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table>{cells}</table>"


def _magic() -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in magic_table()
    )
    return f"<table>{cells}</table>"

"""Says in words what is searched for, and how one can search."""

from typing import Final

from deploy.sandbox.inbox.finding import Found
from deploy.sandbox.inbox.records import ADDRESS_CHARACTERS, shorten
from deploy.sandbox.inbox.search import CONTENTS, MAX_TERMS, STATES, VALUES, Term
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.inbox.tally import Tally
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.shown import draw_table

_KEYS: Final = {"j, k": "next", "Enter": "open", "/": "search", "Esc": "back"}


def explain(asked: Asked, inbox: Inbox, found: Found) -> Html:
    """Say what is shown, in words, so that a search explains itself."""
    text = asked.text
    tallies = [inbox.tallies.get(asked.channel)] if asked.channel else [*inbox.tallies.values()]
    kept = sum((one for one in tallies if one), Tally())
    counts = text(
        "list.counts", accepted=kept.accepted, refused=kept.refused, duplicates=inbox.duplicates
    )
    if not (asked.recipient or asked.terms):
        return join(counts)
    number = f"{len(found.threads)}{'+' if found.has_more else ''}"
    terms = [_term(asked, term) for term in asked.terms]
    if asked.recipient:
        address = shorten(asked.recipient, ADDRESS_CHARACTERS)
        terms.insert(0, join(text("search.exactly"), " ", tag("bdi", address)))
    listed = [join(", ", one) if place else one for place, one in enumerate(terms)]
    everything = tag("a", text("search.everything"), href="/inbox", class_="inline")
    most = text("search.most", most=MAX_TERMS) if len(asked.terms) == MAX_TERMS else ""
    return join(text("search.found", n=number), " ", listed, ". ", most, everything)


def _term(asked: Asked, term: Term) -> Html:
    text = asked.text
    no = text("search.not") + " " if term.is_negated else ""
    if not term.is_known:
        values = ", ".join(VALUES[term.field] or ())
        hint = text("search.unknown", field=term.field, values=values)
        return join(no, tag("q", term.words), " ", tag("strong", f"({hint})", class_="wait"))
    if term.field in ("is", "has"):
        return join(no, text(f"search.{term.field}.{term.value}"))
    return join(no, text(f"search.{term.field or 'words'}"), " ", tag("q", term.value))


def draw_help(asked: Asked) -> Html:
    """Return the fields that a search knows, and the keys."""
    text = asked.text
    examples = [
        ("from:shop@example.com", text("help.from")),
        ("to:ada", text("help.to")),
        ('subject:"your order"', text("help.subject")),
        ("id:", text("help.id")),
        ("channel:email", text("help.channel")),
        *((f"is:{state}", text(f"search.is.{state}")) for state in STATES),
        *((f"has:{content}", text(f"search.has.{content}")) for content in CONTENTS),
        ("-is:read", text("help.not")),
    ]
    keys = [(key, text(f"help.key.{name}")) for key, name in _KEYS.items()]
    return tag(
        "details",
        tag("summary", text("help.title")),
        draw_table((f"{said}", what) for said, what in examples),
        draw_table(keys),
    )

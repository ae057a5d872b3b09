"""One dead letter in full: why, what happened, its headers and what was written in it."""

import json
from functools import partial

from broker_topology.dead_letters.report import Step, history, shown_headers
from broker_topology.dead_letters.walk import Specimen
from common.envelope import Delivery
from console.dead_letters.reasons import reason_of
from console.frame.markup import link, tag
from console.frame.page import View
from console.frame.widgets import address, clock, command, copy_button, moment
from console.pages.dead_letters.later import Later
from console.pages.dead_letters.letters import letter_href
from console.pages.dead_letters.reading import read_letter, remedy_of
from console.pages.dead_letters.wanted import HOME, Wanted
from console.people.person import Role


def draw_letter(view: View, letter_id: str, channel: str | None) -> None:
    """The letter of this id, as soon as it is found."""
    with tag("p"):
        link(view.text("dead.back"), view.there(HOME))
    read = partial(read_letter, view.services, letter_id, channel)
    Later(view, read, lambda found: _draw(view, found))


def _draw(view: View, specimen: Specimen) -> None:
    letter, text = specimen.letter, view.text
    is_allowed = view.person.role >= Role.OPERATOR
    reason = reason_of(letter.channel, letter.failed_as, letter.code)
    with tag("section", "", "sheet"):
        tag("h2", reason.says.text(text.language.value))
        message = letter.message if is_allowed else letter.without_recipient(letter.message)
        tag("p", message, "said")
        tag("p", remedy_of(reason, text.language.value), "soft")
        if is_allowed:
            _draw_acts(view, specimen)
        _draw_facts(view, specimen)
        command(view, f"{Wanted.of_ids([letter.id]).command('show')}")
    _draw_history(view, specimen)
    if is_allowed:
        _draw_content(view, specimen)
    else:
        tag("p", text("dead.content.not"), "notice")
    _draw_headers(view, specimen, is_allowed=is_allowed)


def _draw_acts(view: View, specimen: Specimen) -> None:
    text, one = view.text, Wanted.of_ids([specimen.letter.id])
    with tag("p", "", "acts"):
        link(text("dead.send"), one.href("send"))
        link(text("dead.redirect"), one.href("send") + "#to")
        if specimen.letter.fault is None:
            link(text("dead.edit"), letter_href(specimen.letter, "edit"))
        link(text("dead.discard"), one.href("discard"), "grave")


def _draw_facts(view: View, specimen: Specimen) -> None:
    letter, text = specimen.letter, view.text
    facts = {
        "dead.to": address(view, letter.channel or letter.queue, letter.address),
        "dead.code": " ".join(one for one in (letter.failed_as, letter.code) if one),
        "dead.attempts": text.number(letter.attempts),
        "dead.generation": text.number(letter.generation) if letter.generation else "",
        "dead.host": letter.host or "",
        "dead.tags": ", ".join(letter.tags),
        "dead.fault": letter.fault or "",
    }
    with tag("dl", "", "facts"):
        with tag("div"):
            tag("dt", text("dead.letter"))
            with tag("dd", "", "id"):
                tag("span", letter.id)
                copy_button(view, letter.id, text("copy"), text("copy.id", id=letter.id[-8:]))
        for name, value in facts.items():
            if value:
                with tag("div"):
                    tag("dt", text(name))
                    tag("dd", value)
        for name, when in (("accepted", letter.accepted_at), ("failed", letter.failed_at)):
            if when is not None:
                with tag("div"):
                    tag("dt", text(f"dead.{name}"))
                    with tag("dd"):
                        moment(view, when)


def _draw_history(view: View, specimen: Specimen) -> None:
    with tag("section", "", "sheet"):
        tag("h2", view.text("dead.history"))
        with tag("ol", "", "history"):
            for one in history(specimen):
                with tag("li"):
                    with tag("span", "", "soft nowrap"):
                        if one.at is not None:
                            clock(view, one.at)
                    tag("span", _told(view, one))


def _told(view: View, step: Step) -> str:
    text = view.text
    said = text(f"dead.step.{step.kind}", n=step.count, where=step.where, kind=step.failed_as)
    return f"{said}, {step.where}" if step.kind == "failed" and step.where else said


def _draw_content(view: View, specimen: Specimen) -> None:
    """What was written, as text only: it is somebody else's, and nothing of it is run."""
    text = view.text
    with tag("section", "", "sheet content"):
        tag("h2", text("dead.content"))
        if specimen.letter.fault is not None:
            tag("pre", specimen.body.decode(errors="backslashreplace"), tabindex=0)
            return
        delivery = Delivery.decode(specimen.body)
        if delivery.subject:
            tag("h3", text("dead.content.subject"))
            tag("p", delivery.subject)
        for name, written in (("text", delivery.text), ("html", delivery.html)):
            if written:
                tag("h3", text(f"dead.content.{name}"))
                tag("pre", written, tabindex=0, role="region", aria_label=name)
        _draw_folded(view, "dead.content.whole", delivery.encode().decode())


def _draw_headers(view: View, specimen: Specimen, *, is_allowed: bool) -> None:
    shown = shown_headers(specimen, content=is_allowed)
    _draw_folded(view, "dead.headers", json.dumps(shown, indent=2, ensure_ascii=False))


def _draw_folded(view: View, name: str, written: str) -> None:
    with tag("details", "", "sheet"):
        tag("summary", view.text(name))
        tag("pre", written, tabindex=0, role="region", aria_label=view.text(name))

"""Edit and send: the letter as a form; what comes of it is a new notification in its place."""

import json
from functools import partial
from typing import Any, Final

from nicegui.events import GenericEventArguments

from broker_topology.dead_letters.walk import Specimen
from common.http.problems import Problem
from console.dead_letters.replacing import draft_of
from console.frame.markup import link, tag
from console.frame.page import View
from console.frame.widgets import command
from console.pages.dead_letters import acts
from console.pages.dead_letters.jobs import curl
from console.pages.dead_letters.later import Later, draw_problem
from console.pages.dead_letters.reading import read_letter
from console.pages.dead_letters.wanted import HOME

_SHORT: Final = ("to", "subject")
_LONG: Final = ("text", "html")
_REST: Final = "rest"


def draw_editing(view: View, letter_id: str, channel: str | None) -> None:
    """The form, as soon as the letter is found."""
    with tag("p"):
        link(view.text("dead.back"), view.there(HOME))

    async def read() -> tuple[Specimen, dict[str, Any]]:
        specimen = await read_letter(view.services, letter_id, channel)
        return specimen, draft_of(specimen)

    Later(view, read, lambda found: _Form(view, *found))
    line = curl(view, "POST", f"/v1/dead-letters/{letter_id}/replace", "@draft.json")
    command(view, line)


class _Form:
    """One letter's."""

    def __init__(self, view: View, specimen: Specimen, draft: dict[str, Any]) -> None:
        self._view, self._id = view, specimen.letter.id
        named = (*_SHORT, *_LONG)
        self._fields = {name: str(draft.get(name, "")) for name in named}
        rest = {name: value for name, value in draft.items() if name not in named}
        self._fields[_REST] = json.dumps(rest, indent=2, ensure_ascii=False)
        text = view.text
        self._place = tag("section", "", "sheet")
        with self._place:
            tag("p", text("dead.edit.how"))
            with tag("div", "", "fields long"):
                for name, value in self._fields.items():
                    self._draw_field(name, value)
            self._told = tag("div", "", "", role="alert")
            with tag("p", "", "acts"):
                tag("button", text("dead.edit.do"), id="do", type="button").on("click", self._send)
                link(text("dialog.cancel"), view.there(HOME))

    def _draw_field(self, name: str, value: str) -> None:
        with tag("label"):
            tag("span", self._view.text(f"dead.edit.{name}"))
            if name in _SHORT:
                field = tag("input", id=name, value=value, autocomplete="off")
            else:
                field = tag("textarea", value, id=name, rows=4 if name == _REST else 8)
            field.on(
                "change",
                partial(self._write, name),
                js_handler="(event) => emit(event.target.value)",
            )

    def _write(self, name: str, event: GenericEventArguments) -> None:
        self._fields[name] = str(event.args)

    async def _send(self) -> None:
        try:
            rest = json.loads(self._fields[_REST] or "{}")
        except ValueError as error:
            self._tell(f"{self._view.text('dead.edit.rest')}: {error}")
            return
        if not isinstance(rest, dict):
            self._tell(self._view.text("dead.edit.rest"))
            return
        written = {name: one for name, one in self._fields.items() if name != _REST and one}
        body = json.dumps(rest | written).encode()
        await acts.replace(self._view, self._id, body, self._came)

    def _came(self, what: str | Problem) -> None:
        if isinstance(what, Problem):
            self._told.clear()
            with self._told, tag("div", "", "notice needs"):
                draw_problem(self._view, what)
            return
        self._place.clear()
        with self._place, tag("p", "", "", role="status"):
            tag("strong", self._view.text("dead.edit.done"))
            tag("span", " ")
            link(what, self._view.there(f"/notifications/{what}"))

    def _tell(self, sentence: str) -> None:
        self._told.clear()
        with self._told:
            tag("p", sentence, "notice needs")

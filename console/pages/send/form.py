"""The form of a channel, with what is wrong at its fields."""

from collections.abc import Mapping, Sequence

from common.channels import FACTS, Channel
from console.frame.markup import Tag, Value, tag
from console.frame.page import View
from console.pages.send.fields import Field, Kind, fields_of
from console.texts.catalogue import CATALOGUE

# The browser keeps what is written; all of it comes at once, so that nothing typed last is missing.
COLLECT = """(event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const mode = event.submitter ? event.submitter.value : "";
  emit({...Object.fromEntries(new FormData(form)), mode});
}"""
MOST_CHARACTERS = 100_000
"""Of one field: a browser's socket carries no more than 1 MB at once."""
_HIGH = {Kind.TEXT: 7, Kind.JSON: 4, Kind.LINES: 3, Kind.HEADERS: 3, Kind.BUTTONS: 3}


class FormFields:
    """All fields of a channel; `show` says what is wrong with each."""

    def __init__(self, view: View, channel: Channel) -> None:
        self._view = view
        self._channel = channel
        self._drawn: dict[str, tuple[Tag, Tag]] = {}
        self._whole = tag("p", "", "fault", role="alert")
        for one in fields_of(channel):
            if one.is_plain:
                self._draw(one)
        with tag("details", "", "more"):
            tag("summary", view.text("send.more"))
            for one in fields_of(channel):
                if not one.is_plain:
                    self._draw(one)

    def show(self, faults: Mapping[str, Sequence[str]]) -> None:
        """Say what is wrong, at the fields; the first is led to."""
        self._whole.say("\n".join(faults.get("", ())))
        for name, (control, place) in self._drawn.items():
            said = faults.get(name, ())
            place.say("\n".join(said))
            control.set(aria_invalid="true" if said else None)

    def lead_to(self, name: str) -> None:
        """Put the cursor into a field, however folded away it is."""
        if name in self._drawn:
            control = self._drawn[name][0]
            control.client.run_javascript(
                f"const field = document.getElementById('{control.html_id}');"
                "const folded = field.closest('details'); if (folded) folded.open = true;"
                "field.focus();"
            )

    def _draw(self, one: Field) -> None:
        label = self._view.text(f"send.{one.name}")
        with tag("div", "", "field"):
            with tag("label", "", "tick" if one.kind is Kind.TICK else ""):
                if one.kind is Kind.TICK:
                    control = tag("input", type="checkbox", name=one.name)
                tag("span", label)
                if one.kind is not Kind.TICK:
                    control = self._control(one)
            fault = tag("p", "", "fault", role="alert")
            hint = f"send.hint.{one.name}"
            described = fault.html_id
            if hint in CATALOGUE:
                soft = tag("p", self._view.text(hint), "soft hint")
                described = f"{described} {soft.html_id}"
            fault.set(id=fault.html_id)
            control.set(aria_describedby=described)
        self._drawn[one.name] = (control, fault)

    def _control(self, one: Field) -> Tag:
        if one.kind is Kind.CHOICE:
            with tag("select", name=one.name) as control:
                for choice in one.choices:
                    tag("option", self._view.text(f"send.choice.{choice}"), value=choice)
            return control
        common: dict[str, Value] = {
            "name": one.name,
            "maxlength": MOST_CHARACTERS,
            "autocomplete": "off",
        }
        if one.kind in _HIGH:
            example = FACTS[self._channel].examples[0] if one.name == "to" else None
            high = _HIGH[one.kind]
            return tag("textarea", rows=high, placeholder=example, spellcheck="false", **common)
        return tag("input", type="text", **common)

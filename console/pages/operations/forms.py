"""Forms of these pages: plain fields, sent whole, and what is shown once when they were."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from nicegui.events import GenericEventArguments

from console.frame.acting import Confirm
from console.frame.markup import tag
from console.frame.page import View
from console.frame.widgets import command, copy_button

Sent = Mapping[str, str]

# The same program for every form: what was written is data.
_SEND: Final = """(event) => {
  event.preventDefault();
  emit(Object.fromEntries(new FormData(event.currentTarget)));
}"""


@contextmanager
def form(label: str, verb: str, on_sent: Callable[[Sent], Awaitable[None]]) -> Iterator[None]:
    """What is drawn inside is its fields; on_sent: is given name → what was written."""

    async def take(event: GenericEventArguments) -> None:
        found = event.args if isinstance(event.args, dict) else {}
        await on_sent({str(name): str(value) for name, value in found.items()})

    with tag("form", "", "fields", aria_label=label) as made:
        yield
        tag("button", verb, type="submit")
    made.on("submit", take, js_handler=_SEND)


def field(name: str, label: str, hint: str = "", /, value: str = "", kind: str = "text") -> None:
    """A line to write in; hint: an example."""
    with tag("label", "", "field"):
        tag("span", label)
        is_new = "new-password" if kind == "password" else "off"
        made = tag("input", type=kind, name=name, placeholder=hint, autocomplete=is_new)
        made.set(maxlength=2000, value=value or None)


def lines(name: str, label: str, hint: str) -> None:
    """Several lines to write in."""
    with tag("label", "", "field"):
        tag("span", label)
        tag("textarea", "", name=name, rows=2, placeholder=hint, maxlength=20_000)


def choice(name: str, label: str, options: Mapping[str, str], chosen: str) -> None:
    """One of several; options: value → words."""
    with tag("label", "", "field"):
        tag("span", label)
        with tag("select", name=name):
            for value, words in options.items():
                tag("option", words, value=value, selected=value == chosen or None)


def tick(name: str, label: str, *, is_on: bool = False) -> None:
    """Yes or no."""
    with tag("label", "", "tick"):
        tag("input", type="checkbox", name=name, value="yes", checked=is_on or None)
        tag("span", label)


def asking(
    view: View, verb: str, question: str, line: str, on_yes: Callable[[], Awaitable[None]]
) -> None:
    """A button that asks before it does something, and the command that does the same."""
    confirm = Confirm(view, question, verb, on_yes)
    with tag("div", "", "act"):
        tag("button", verb, "quiet", type="button").on("click", confirm.open)
        command(view, line)


def shown_once(view: View, secret: str) -> None:
    """A secret that nobody can see again."""
    with tag("div", "", "notice", role="status"):
        tag("strong", view.text("operations.once"))
        with tag("p", "", "command"):
            tag("code", secret, "secret")
            copy_button(view, secret, view.text("copy"))

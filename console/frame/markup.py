"""Plain HTML elements, whose text and attributes are only ever data."""

from typing import Final

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from common.http.answers.framed import framed

Value = str | int | float | bool | None

# Of these a browser, or Vue, would run the value or take it as HTML.
_RUN: Final = ("on", ":", "innerhtml", "srcdoc", "v-")


class Tag(TextElement):
    """One element. Used as `with tag("ul"):` it holds what is drawn inside."""

    def __init__(self, name: str, text: str, classes: str) -> None:
        super().__init__(tag=name, text=text)
        self.classes(classes)

    def say(self, text: str) -> None:
        """Show this text now; what has not changed is not sent."""
        if self.text != text:
            self.text = text

    def set(self, **attributes: Value) -> None:
        """Set attributes, None removes one; what has not changed is not sent."""
        if _set(self, attributes):
            self.update()


def tag(kind: str, text: str = "", classes: str = "", /, **attributes: Value) -> Tag:
    """An HTML element. Words of a name are joined with `_`: `aria_label="…"`.

    Raises ValueError for an attribute whose value would be run.
    """
    made = Tag(kind, text, classes)
    _set(made, attributes)
    return made


def link(text: str, href: str, classes: str = "", /, **attributes: Value) -> Tag:
    """A way to another place of the console. Raises ValueError for any other."""
    return tag("a", text, classes, href=own(href), **attributes)


def sandboxed(html: str, title: str) -> Tag:
    """HTML of somebody else's, in a frame where no script runs and nothing is loaded.

    title: what a screen reader says of the frame.
    """
    frame = Tag("iframe", "", "sandboxed")
    _set(frame, {"sandbox": "", "title": title, "referrerpolicy": "no-referrer"})
    _set(frame, {"loading": "lazy"})
    frame._props["srcdoc"] = framed(html)
    return frame


def own(href: str) -> str:
    """The address as it is, if it leads to a place of the console. Raises ValueError."""
    if href.startswith(("//", "/\\")) or not href.startswith(("/", "#", "?")):
        raise ValueError(f"no place of the console: {href[:80]!r}")
    return href


def _set(element: Element, attributes: dict[str, Value]) -> bool:
    """Whether anything has changed."""
    props = element._props
    has_changed = False
    for word, value in attributes.items():
        name = word.strip("_").replace("_", "-")
        if name.lower().startswith(_RUN):
            raise ValueError(f"the attribute {name} would be run")
        if value is None:
            has_changed |= props.pop(name, None) is not None
        elif props.get(name) != value:
            props[name] = value
            has_changed = True
    return has_changed

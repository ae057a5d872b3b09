"""Writes HTML in which nobody can forget to escape: a text becomes markup in `tag` alone."""

from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset({"br", "img", "input", "link", "meta"})

Child: TypeAlias = "str | Iterable[Child] | None"
Value: TypeAlias = str | int | bool | None


class Html(str):
    """Markup of ours; any other text is what somebody said, and is escaped."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: Value) -> Html:
    """Return an element.

    children: markup, texts, lists of them, None for nothing. attributes: `class_`, `aria_label`,
    for example; True for one without a value, False or None for none at all.
    """
    opened = f"<{name}{''.join(map(_attribute, attributes, attributes.values()))}>"
    return Html(opened if name in _VOID else f"{opened}{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Return what stands beside each other as one piece of markup."""
    return Html("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, str):
        return child if isinstance(child, Html) else escape(child)
    return join(*child)


def _attribute(name: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'

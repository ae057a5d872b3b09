"""The list of facts in the browser, which keeps itself; it is sent what is new, and no more."""

from collections.abc import Sequence

from nicegui.element import Element

from console.frame.page import View
from console.pages.events.rows import Row

_TEXTS = (
    "pause",
    "go",
    "live",
    "waiting",
    "skipped",
    "label",
    "at",
    "event",
    "to",
    "said",
    "notification",
    "open",
    "none",
)


class Tail(Element, component="tail.js"):
    """first: rows, the newest first; is_live: that more are pushed."""

    def __init__(self, view: View, first: Sequence[Row], *, is_live: bool) -> None:
        super().__init__()
        self._props["texts"] = {name: view.text(f"events.{name}") for name in _TEXTS}
        self._props["first"] = list(first)
        self._props["live"] = is_live

    def push(self, rows: Sequence[Row], count: int) -> None:
        """More, the newest first; count: of how many these are the newest."""
        self.run_method("push", list(rows), count)

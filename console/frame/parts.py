"""A part of a page that is drawn anew when what it shows has changed, and only then."""

from collections.abc import Callable
from typing import Generic, TypeVar

from console.frame.markup import tag

Shown = TypeVar("Shown")


class Part(Generic[Shown]):
    """The place of a part: shows a value, which is compared with the last one."""

    def __init__(self, draw: Callable[[Shown], None], kind: str = "div", classes: str = "") -> None:
        self._draw = draw
        self._shown: Shown | None = None
        self._place = tag(kind, "", classes)

    def show(self, value: Shown) -> None:
        """Draw it, unless it is what is drawn already."""
        if value == self._shown:
            return
        self._shown = value
        self._place.clear()
        with self._place:
            self._draw(value)

    def clear(self) -> None:
        """Show nothing."""
        if self._shown is not None:
            self._shown = None
            self._place.clear()

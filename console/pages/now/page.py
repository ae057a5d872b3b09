"""The page Now: what needs a person, the numbers, the way of a message, and who works on it."""

from functools import partial

from nicegui import ui

from console.frame.markup import tag
from console.frame.page import Page, View
from console.frame.parts import Part
from console.frame.widgets import command
from console.pages.now.drawing import Drawing
from console.pages.now.numbers import Numbers, read_numbers
from console.pages.now.picture import Picture, picture_of
from console.pages.now.plots import PlotSheet
from console.pages.now.tables import (
    draw_concerns,
    draw_pauses,
    draw_processes,
    draw_tiers,
    draw_tiles,
)
from console.people.person import Role
from console.services.reading import Silent
from console.services.services import Overview

_EVERY_S = 5.0


async def draw(view: View) -> None:
    """Draw it, and keep it as things are."""
    page = _Now(view)
    await page.show()
    ui.timer(_EVERY_S, page.show, immediate=False)


class _Now:
    """The parts of the page."""

    def __init__(self, view: View) -> None:
        self._view = view
        read = partial(read_numbers, view.services.store, view.range)
        self._numbers = view.services.shared(f"now.{view.range.name}", read, _EVERY_S)
        text = view.text
        with tag("section", "", "sheet", id="first"):
            tag("h2", text("now.first"))
            self._first = Part(partial(draw_concerns, view))
        self._tiles = Part(partial(draw_tiles, view))
        with tag("section"):
            tag("h2", text("now.plots"))
            self._place_of_plots = tag("div", "", "plots")
            command(view, f"gateway stats --since {view.range.minutes // 60}h")
        self._plots: list[PlotSheet] = []
        with tag("section", "", "sheet", id="queues"):
            tag("h2", text("now.queues"))
            tag("p", text("now.queues.how"), "soft")
            self._place_of_picture = tag("div")
            self._unseen = Part(self._draw_unseen)
            self._tiers = Part(partial(draw_tiers, view))
            command(view, "gateway topology show")
        self._drawing: Drawing | None = None
        with tag("section", "", "sheet", id="processes"):
            tag("h2", text("now.processes"))
            self._processes = Part(partial(draw_processes, view))
            command(view, "gateway ps")
        with tag("section", "", "sheet", id="pauses"):
            tag("h2", text("now.pauses"))
            self._pauses = Part(partial(draw_pauses, view))

    async def show(self) -> None:
        """All that is known now."""
        overview = await self._view.services.overview.get()
        numbers = await self._numbers.get()
        processes = () if isinstance(overview.store, Silent) else overview.store.processes
        self._first.show(overview.concerns)
        self._tiles.show(numbers)
        if isinstance(numbers, Numbers):
            self._show_plots(numbers)
        self._show_picture(overview, picture_of(overview.broker, processes))
        self._processes.show(overview.store)
        self._pauses.show(processes)

    def _show_plots(self, numbers: Numbers) -> None:
        if not self._plots:
            with self._place_of_plots:
                self._plots = [PlotSheet(self._view, one) for one in numbers.plots]
            return
        for sheet, plot in zip(self._plots, numbers.plots, strict=True):
            sheet.show(plot)

    def _show_picture(self, overview: Overview, picture: Picture) -> None:
        if self._drawing is None:
            with self._place_of_picture:
                self._drawing = Drawing(self._view, picture)
        else:
            self._drawing.show(picture)
        broker = overview.broker
        self._unseen.show("" if broker.is_reached else broker.fault or "")
        self._tiers.show(picture.tiers)

    def _draw_unseen(self, why: str) -> None:
        if why:
            tag("p", self._view.text("now.queues.unseen", why=why), "notice needs")


NOW = Page("/", "page.now", "speed", Role.VIEWER, draw)

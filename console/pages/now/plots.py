"""The plots: one for each kind of fact, a line for each channel."""

from typing import Any, Final

from nicegui import ui

from common.envelope import EventType
from console.frame.markup import tag
from console.frame.page import View
from console.pages.now.numbers import ACCEPTED, Plot

# Of both themes: light enough on dark, dark enough on light.
_COLOURS: Final = {
    "email": "#3f78e0",
    "telegram": "#1192a8",
    "vk": "#a05fd6",
    "webhook": "#7a8594",
}
_AXIS: Final = "#7d8898"
_TITLES: Final = {
    ACCEPTED: "now.accepted",
    EventType.SENT: "now.sent",
    EventType.RETRYING: "now.retrying",
    EventType.FAILED: "now.failed",
}


class PlotSheet:
    """One plot, and its number beside the title."""

    def __init__(self, view: View, plot: Plot) -> None:
        self._text = view.text
        self._plot: Plot | None = None
        with tag("section", "", "sheet plot"):
            with tag("h3"):
                tag("span", view.text(_TITLES[plot.kind]))
                self._total = tag("span", "", "number soft")
            with tag("div", "", "chart", role="img") as self._place:
                self._chart = ui.echart(_options(), renderer="svg")
        self.show(plot)

    def show(self, plot: Plot) -> None:
        """Draw its lines as they are now."""
        if plot == self._plot:
            return
        self._plot = plot
        self._total.say(self._text.number(plot.total))
        what = self._text(_TITLES[plot.kind])
        self._place.set(aria_label=self._text("now.plot", n=plot.total, what=what))
        options = self._chart.options
        options["xAxis"] |= {"min": plot.at_ms[0], "max": plot.at_ms[-1]}
        options["yAxis"]["max"] = None if plot.total else 1  # else there would be no axis
        options["series"] = [
            _line(channel, plot.at_ms, values) for channel, values in plot.per_minute.items()
        ]
        self._chart.update()


def _options() -> dict[str, Any]:
    label = {"color": _AXIS, "fontSize": 11, "hideOverlap": True}
    rule = {"lineStyle": {"color": _AXIS, "opacity": 0.25}}
    return {
        "animation": False,
        "grid": {"left": 4, "right": 8, "top": 10, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": {
            "bottom": 0,
            "itemHeight": 8,
            "icon": "roundRect",
            "textStyle": {"color": _AXIS},
        },
        "xAxis": {"type": "time", "axisLabel": label, "axisLine": rule, "axisTick": rule},
        "yAxis": {
            "type": "value",
            "min": 0,
            "minInterval": 1,
            "axisLabel": label,
            "splitLine": rule,
        },
        "series": [],
    }


def _line(channel: str, at_ms: tuple[int, ...], values: tuple[float, ...]) -> dict[str, Any]:
    return {
        "name": channel,
        "type": "line",
        "showSymbol": False,
        "color": _COLOURS.get(channel, _AXIS),
        "lineStyle": {"width": 2},
        "areaStyle": {"opacity": 0.08},
        "data": [[moment, value] for moment, value in zip(at_ms, values, strict=True)],
    }

"""The picture of the queues, drawn as SVG; its numbers and widths follow, its places stay."""

from console.frame.markup import Tag, tag
from console.frame.page import View
from console.pages.now.picture import WIDTH, Box, Line, Picture


class Drawing:
    """The whole picture. A click on a place leads to what waits there."""

    def __init__(self, view: View, picture: Picture) -> None:
        self._view = view
        text = view.text
        with (
            tag("div", "", "way", tabindex=0, role="region", aria_label=text("now.queues")),
            tag(
                "svg",
                "",
                "picture",
                viewBox=f"0 0 {WIDTH} {picture.height:g}",
                width=WIDTH,
                height=round(picture.height),
            ),
        ):
            self._lines = [tag("path", "", "way", d=one.path) for one in picture.lines]
            self._boxes = [_Place(view, one) for one in picture.boxes]
        self.show(picture)

    def show(self, picture: Picture) -> None:
        """The same places with the numbers of now."""
        for path, line in zip(self._lines, picture.lines, strict=True):
            _draw_line(path, line)
        for place, box in zip(self._boxes, picture.boxes, strict=True):
            place.show(box)


class _Place:
    """One box with its name and its number."""

    def __init__(self, view: View, box: Box) -> None:
        self._view = view
        middle = box.middle + 4.5
        self._link = tag("a", href=_where(view, box))
        with self._link:
            self._frame = tag(
                "rect", x=box.left, y=box.top, width=box.width, height=box.height, rx=6
            )
            tag("text", _name(view, box), x=box.left + 9, y=middle)
            right = box.left + box.width - 9
            self._number = tag("text", "", "value", x=right, y=middle, text_anchor="end")

    def show(self, box: Box) -> None:
        """Its number, and whether it is jammed."""
        text = self._view.text
        self._number.say(_value(self._view, box))
        self._frame.set(class_=f"{box.kind} {'jammed' if box.is_jammed else ''}".strip())
        if box.waits is not None:
            self._link.set(aria_label=text("now.queue", n=box.waits, name=box.name))
        elif box.kind == "sender":
            self._link.set(aria_label=f"{box.name}: {_lanes(self._view, box)}")


def _draw_line(path: Tag, line: Line) -> None:
    path.set(stroke_width=f"{line.width:.1f}", class_=f"way {'grave' if line.is_grave else ''}")


def _name(view: View, box: Box) -> str:
    match box.kind:
        case "api":
            return view.text("now.api")
        case "sender":
            return view.text("now.sender")
        case "dead":
            return view.text("now.dead")
    return box.name


def _value(view: View, box: Box) -> str:
    if box.kind == "sender":
        return f"{box.busy}/{box.lanes}" if box.lanes else "–"
    if box.waits is None:
        return ""
    rate = f"  {view.text('now.per.second', rate=f'{box.rate:.1f}')}" if box.rate else ""
    return f"{view.text.number(box.waits)}{rate}"


def _lanes(view: View, box: Box) -> str:
    if not box.lanes:
        return view.text("now.no.sender")
    return view.text("now.lanes", busy=box.busy, lanes=box.lanes)


def _where(view: View, box: Box) -> str:
    match box.kind:
        case "api":
            return view.there("/notifications")
        case "sender":
            return "#processes"
        case "dead":
            return view.there("/dead-letters", channel=box.channel)
    return view.there("/notifications", channel=box.channel, status="queued")

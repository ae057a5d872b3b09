"""What the demo shows: its own notifications, then whatever else is sent while it is up."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from admin.live.deliveries import Deliveries, Known
from admin.live.delivery_view import LOOKS, address, time_text
from common.envelope import Status
from common.times import utc_now
from gateway_client import Event

MOST_NEWS = 2000
_WITH_TITLES = 80


@dataclass(frozen=True)
class Example:
    """One notification of the demo, and how it should end."""

    title: str
    to: str
    ends: str
    subject: str | None = None

    def request(self) -> dict[str, Any]:
        """The body of its POST."""
        text = "Your order is on its way."
        request: dict[str, Any] = {"to": [self.to], "text": text}
        return request | ({"subject": self.subject} if self.subject else {})


class DemoBoard:
    """How far everything has come; events come from another thread than the one that looks."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._ids: dict[Example, str] = {}
        self._deliveries = Deliveries()
        self._news: deque[Known] = deque(maxlen=MOST_NEWS)
        self._left_out = 0

    def accepted(self, example: Example, delivery_id: str) -> None:
        """The API answered 202 for this example."""
        self._ids[example] = delivery_id

    def note(self, event: Event) -> None:
        """Take in an event, of an example or not."""
        if news := self._deliveries.hear(event):
            self._left_out += len(self._news) == MOST_NEWS
            self._news.append(news)

    @property
    def is_done(self) -> bool:
        """Whether every example has ended."""
        return all((known := self.known(example)) and known.is_ended for example in self._examples)

    @property
    def is_as_expected(self) -> bool:
        """Whether every example has ended as it should."""
        return all(
            (known := self.known(example)) and known.status == example.ends
            for example in self._examples
        )

    def known(self, example: Example) -> Known | None:
        """How far an example has come."""
        return self._deliveries.get(self._ids.get(example, ""))

    def failures(self) -> list[Event]:
        """What made dead letters of examples."""
        found = [self.known(example) for example in self._examples]
        return [one.last for one in found if one and one.last and one.status is Status.FAILED]

    def news(self) -> Iterator[Known]:
        """What has changed since the last call; of more than can be kept, the latest."""
        while self._news:
            if not self._is_of_a_case(known := self._news.popleft()):
                yield known

    def left_out(self) -> int:
        """How many changes came too fast to be kept, and are not among the news."""
        count, self._left_out = self._left_out, 0
        return count

    def under_way(self) -> list[Known]:
        """What has not ended yet; the one of which something was heard last is the last."""
        return [known for known in self._deliveries.under_way() if not self._is_of_a_case(known)]

    def table(self, width: int) -> RenderableType:
        """Its examples at this moment."""
        has_titles = width >= _WITH_TITLES
        table = Table(title="On their way", title_justify="left", box=box.SIMPLE_HEAD)
        if has_titles:
            table.add_column("notification", no_wrap=True)
        table.add_column("to", overflow="fold")
        table.add_column("status", no_wrap=True)
        for heading in ("tries", "time"):
            table.add_column(heading, justify="right", no_wrap=True)
        for example in self._examples:
            if known := self.known(example):
                title = [Text(example.title)] if has_titles else []
                table.add_row(*title, *_cells(example, known))
        return table

    def _is_of_a_case(self, known: Known) -> bool:
        """Whether the table of examples has it; one that was put back has left that behind."""
        return known.generation == 0 and known.id in self._ids.values()


def _cells(example: Example, known: Known) -> tuple[Text, ...]:
    to = address(known) if known.to else example.to
    status = Text(known.status.value, LOOKS[known.status])
    return Text(to), status, Text(str(known.tries)), Text(time_text(known, utc_now()))

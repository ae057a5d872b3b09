"""What the demo shows: the cases, how far each has come, and what arrived."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich import box
from rich.console import RenderableType
from rich.table import Table

from common.envelope import Event, EventType

_LOOKS = {
    "queued": "[cyan]queued[/]",
    "retrying": "[yellow]retrying[/]",
    "delayed": "[yellow]delayed[/]",
    "sent": "[green]sent[/]",
    "failed": "[red]dead letter[/]",
    "expired": "[red]expired[/]",
}
_FINAL = {EventType.SENT, EventType.FAILED, EventType.EXPIRED}


@dataclass(frozen=True)
class Case:
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


@dataclass
class Course:
    """How far one case has come; times in monotonic seconds."""

    delivery_id: str
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The last thing that became true."""
        return self.events[-1].type.value if self.events else "queued"

    @property
    def tries(self) -> int:
        """Attempts made so far."""
        return self.events[-1].attempt if self.events else 0


class Board:
    """The courses of all cases; events come from another thread than the one that looks."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._courses: dict[Case, Course] = {}
        self._early: list[Event] = []
        self._lock = threading.Lock()

    def accepted(self, case: Case, delivery_id: str) -> None:
        """The API answered 202 for this case."""
        with self._lock:
            self._courses[case] = Course(delivery_id)
            early, self._early = self._early, []
        for event in early:
            self.note(event)

    def note(self, event: Event) -> None:
        """Take in an event; one that outran its 202 is kept for later."""
        with self._lock:
            for course in self._courses.values():
                if course.delivery_id == event.delivery_id:
                    course.events.append(event)
                    if event.type in _FINAL:
                        course.ended_at = time.monotonic()
                    return
            self._early.append(event)

    @property
    def is_done(self) -> bool:
        """Whether every case has ended."""
        courses = [self._courses.get(case) for case in self._cases]
        return all(course is not None and course.ended_at for course in courses)

    @property
    def is_as_expected(self) -> bool:
        """Whether every case has ended as it should."""
        return self.is_done and all(self._courses[case].status == case.ends for case in self._cases)

    def course(self, case: Case) -> Course | None:
        """How far a case has come."""
        return self._courses.get(case)

    def failures(self) -> list[Event]:
        """The events that made dead letters."""
        courses = list(self._courses.values())
        return [e for course in courses for e in course.events if e.type is EventType.FAILED]

    def table(self) -> RenderableType:
        """The picture of this moment."""
        table = Table(title="On their way", title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("notification", "to", "status"):
            table.add_column(heading, no_wrap=True)
        for heading in ("tries", "time"):
            table.add_column(heading, justify="right", no_wrap=True)
        for case in self._cases:
            if course := self._courses.get(case):
                took_s = (course.ended_at or time.monotonic()) - course.began_at
                look = _LOOKS[course.status]
                table.add_row(case.title, case.to, look, str(course.tries), f"{took_s:.1f} s")
        return table


def closing(board: Board, api: str, inbox: str, management: str) -> list[RenderableType]:
    """What arrived, read back from the inbox, the dead letter, and where to look further."""
    arrived = Table(
        title="What arrived, read from the providers' inbox",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("channel", "to", "subject", "text"):
        arrived.add_column(heading)
    arrived.columns[1].no_wrap = True
    entries = httpx.get(f"{inbox}/inbox.json", timeout=10).json()["entries"]
    for entry in entries:
        words = (entry["channel"], entry["recipient"], entry["subject"], entry["text"])
        arrived.add_row(*((word or "").strip() for word in words))
    dead = [
        f"[red]Dead letter[/] in queue {event.channel}.dead, {event.attempt} try: {event.message}"
        for event in board.failures()
    ]
    return [
        "",
        arrived,
        "",
        *dead,
        "",
        f"API docs             {api}/docs",
        f"Inbox                {inbox}/",
        f"RabbitMQ management  {management}",
    ]

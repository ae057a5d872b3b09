"""Following deliveries to their end by the events on the broker."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from broker_topology.events import listen
from common.envelope import Event, EventType
from common.errors import GatewayError

FINAL = frozenset({EventType.SENT, EventType.FAILED, EventType.EXPIRED})
_READY_TIMEOUT_S = 25.0


class FollowError(GatewayError):
    """Events cannot be followed; nothing was sent because of that."""


@dataclass
class Course:
    """The events of one delivery, in the order of their arrival."""

    events: list[Event] = field(default_factory=list)

    @property
    def last(self) -> Event | None:
        """What became true last."""
        return self.events[-1] if self.events else None

    @property
    def end(self) -> Event | None:
        """The final event, if it has come."""
        return next((event for event in self.events if event.type in FINAL), None)


class Follower:
    """Listens from entering on; raises FollowError there when the broker does not let us.

    tell: called with each event of the deliveries that `until_ended` waits for.
    """

    def __init__(self, url: str, tell: Callable[[Event], None] | None = None) -> None:
        self._url = url
        self._tell = tell
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._changed = threading.Condition()
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._wanted: frozenset[str] | None = None
        self._lost: GatewayError | None = None
        self._thread = threading.Thread(target=self._listen, name="follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self._ready.wait(0.05):
            if self._lost is not None or time.monotonic() > deadline:
                reason = str(self._lost or "the broker does not answer.")
                raise FollowError(
                    f"--wait follows events on the broker of GATEWAY_AMQP_URL: {reason} "
                    "Nothing was sent; correct that, or send without --wait."
                ) from self._lost
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(2)

    def until_ended(self, delivery_ids: Iterable[str], timeout_s: float) -> dict[str, Course]:
        """Wait until each delivery has ended, or timeout_s is over; how far each has come.

        Raises GatewayError when the broker is lost meanwhile.
        """
        courses = {delivery_id: Course() for delivery_id in delivery_ids}
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._wanted = frozenset(courses)  # from now on the others need not be kept
            while True:
                for delivery_id, course in courses.items():
                    self._move(delivery_id, course)
                left_s = deadline - time.monotonic()
                if all(course.end for course in courses.values()) or left_s <= 0:
                    return courses
                if self._lost is not None:
                    raise FollowError(
                        f"How it ended cannot be seen: {self._lost} What was accepted will be sent."
                    ) from self._lost
                self._changed.wait(min(left_s, 1.0))

    def _move(self, delivery_id: str, course: Course) -> None:
        """Give a delivery the events that have come for it."""
        for event in self._events.pop(delivery_id, []):
            course.events.append(event)
            if self._tell is not None:
                self._tell(event)

    def _listen(self) -> None:
        try:
            for event in listen(self._url, self._stopping, ready=self._ready):
                with self._changed:
                    if self._wanted is None or event.delivery_id in self._wanted:
                        self._events[event.delivery_id].append(event)
                        self._changed.notify_all()
        except GatewayError as error:
            with self._changed:
                self._lost = error
                self._changed.notify_all()

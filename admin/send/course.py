"""How what was sent fares, followed by the API's stream until all of it has ended."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import gateway_client
from admin.api_client import told
from gateway_client import ENDED, Event, Gateway

HEARD_WITHIN_S: Final = 10.0


@dataclass
class Course:
    """What became true of one delivery last, if anything was heard of it."""

    last: Event | None = None

    @property
    def status(self) -> str | None:
        """Where it is."""
        return self.last.status if self.last else None

    @property
    def is_ended(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.status in ENDED


class Follower:
    """Follows the deliveries of one notification, as one API tells.

    tell: called with each event; warn: with sentences about the following itself. is_blind: it
    could not be seen how all of it ended, and that was said.
    """

    def __init__(
        self,
        gateway: Gateway,
        url: str,
        tell: Callable[[Event], None],
        warn: Callable[[str], None],
    ) -> None:
        self._gateway = gateway
        self._url = url
        self._tell = tell
        self._warn = warn
        self._fault: str | None = None
        self.is_blind = False

    def until_ended(
        self, notification_id: str, delivery_ids: Iterable[str], timeout_s: float
    ) -> dict[str, Course]:
        """Wait until each has ended, or time is over; how far each has come.

        When nothing at all is heard of it at first, that is told, and nothing more waited for.
        """
        courses = {one: Course() for one in delivery_ids}
        until = time.monotonic() + timeout_s
        first_s = min(timeout_s, HEARD_WITHIN_S)
        position = self._follow(notification_id, courses, None, first_s)
        left_s = until - time.monotonic()
        if position is not None and left_s > 0 and not _all_ended(courses):
            self._follow(notification_id, courses, position, left_s)
        is_silent = position is None and timeout_s >= HEARD_WITHIN_S
        if not _all_ended(courses) and (self._fault or is_silent):
            self.is_blind = True
            self._warn(f"how it ends cannot be seen: {self._why()}. What was accepted will be sent")
        return courses

    def _follow(
        self, notification_id: str, courses: dict[str, Course], after: str | None, for_s: float
    ) -> str | None:
        """The position of what was heard last."""
        try:
            watching = self._gateway.watch(
                notification_id, after=after, for_s=for_s, lost=self._lose
            )
            with closing(watching) as stream:
                for one in stream:
                    after = one.position
                    if isinstance(one, Event) and one.delivery_id in courses:
                        courses[one.delivery_id].last = one
                        self._tell(one)
                    if _all_ended(courses):
                        break
        except gateway_client.GatewayError as error:
            self._fault = str(told(error, self._url))
        return after

    def _lose(self, error: gateway_client.GatewayError | None) -> None:
        sentence = None if error is None else str(told(error, self._url))
        if sentence is None and self._fault is not None:
            self._warn("following again")
        elif sentence is not None and self._fault is None:
            self._warn(f"{sentence} (following again as soon as it answers)")
        self._fault = sentence

    def _why(self) -> str:
        return self._fault or (
            f"the journal has told nothing of it for {HEARD_WITHIN_S:.0f} s; `gateway ps` shows "
            "whether one is running"
        )


def _all_ended(courses: dict[str, Course]) -> bool:
    return all(course.is_ended for course in courses.values())

"""Following what becomes true of deliveries, in the background, by the events on the broker."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Self

from broker_topology.events import listen
from broker_topology.facts import Fact
from common.envelope import Event
from common.errors import GatewayError

_log = logging.getLogger(__name__)

_READY_TIMEOUT_S = 25.0
_AGAIN_AFTER_S = 0.5


class FollowError(GatewayError):
    """Events cannot be followed; nothing was sent because of that."""


class Following:
    """A thread that hands on each fact, and listens again when the broker was away.

    tell: called with each fact; lost: called when the broker is lost, or does not let us listen,
    and again at each try that fails. Both in the thread. patterns, with_accepted: as for `listen`.
    """

    def __init__(
        self,
        url: str,
        tell: Callable[[Fact], None],
        *,
        lost: Callable[[GatewayError], None] = lambda _: None,
        patterns: Collection[str] = ("#",),
        with_accepted: bool = False,
    ) -> None:
        self._url = url
        self._tell = tell
        self._lost = lost
        self._patterns = patterns
        self._with_accepted = with_accepted
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._fault: GatewayError | None = None
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(2)

    @property
    def fault(self) -> GatewayError | None:
        """Why nothing is heard at the moment; None while it listens, or has not tried yet."""
        return None if self._ready.is_set() else self._fault

    def await_ready(self, timeout_s: float) -> GatewayError | None:
        """Wait until nothing that is published is missed; what is in the way, None if nothing.

        The first try that fails ends the wait.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ready.wait(0.05):
            if self._fault is not None:
                return self._fault
            if time.monotonic() > deadline:
                return GatewayError("the broker does not answer.")
        return None

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except GatewayError as error:
                self._fault = error
                self._ready.clear()
                self._lost(error)
                self._stopping.wait(_AGAIN_AFTER_S)

    def _listen(self) -> None:
        facts = listen(
            self._url,
            self._stopping,
            patterns=self._patterns,
            ready=self._ready,
            with_accepted=self._with_accepted,
        )
        for fact in facts:
            try:
                self._tell(fact)
            except Exception as error:  # this fact's, and no reason to be deaf to the others
                _log.error("A fact was passed over, a bug of the gateway: %r", error)


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
        return next((event for event in self.events if event.type.is_final), None)


class Follower:
    """Keeps what becomes of some deliveries, from entering on until each has ended.

    tell: called with each event of the deliveries that `until_ended` waits for. Entering raises
    FollowError when the broker does not let us listen.
    """

    def __init__(self, url: str, tell: Callable[[Event], None] | None = None) -> None:
        self._tell = tell
        self._changed = threading.Condition()
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._wanted: frozenset[str] | None = None
        self._lost: GatewayError | None = None
        self._following = Following(url, self._note, lost=self._lose)

    def __enter__(self) -> Self:
        self._following.__enter__()
        if fault := self._following.await_ready(_READY_TIMEOUT_S):
            self._following.__exit__()
            raise FollowError(
                f"--wait follows events on the broker of GATEWAY_AMQP_URL: {fault} "
                "Nothing was sent; correct that, or send without --wait."
            ) from fault
        return self

    def __exit__(self, *_: object) -> None:
        self._following.__exit__()

    def until_ended(self, delivery_ids: Iterable[str], timeout_s: float) -> dict[str, Course]:
        """Wait until each delivery has ended, or timeout_s is over; how far each has come.

        Raises GatewayError when the broker is lost meanwhile: what is heard afterwards would not
        be all.
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

    def _note(self, fact: Fact) -> None:
        with self._changed:
            if isinstance(fact, Event) and (
                self._wanted is None or fact.delivery_id in self._wanted
            ):
                self._events[fact.delivery_id].append(fact)
                self._changed.notify_all()

    def _lose(self, error: GatewayError) -> None:
        with self._changed:
            self._lost = error
            self._changed.notify_all()

"""Following what becomes true of deliveries, in the background, by the events on the broker."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Self

from broker_topology.events import listen
from common.envelope import Event
from common.errors import GatewayError

_log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 0.5


class Following:
    """A thread that hands on each event, and listens again when the broker was away.

    tell: called with each event; lost: called when the broker is lost, or does not let us listen,
    and again at each try that fails. Both in the thread. patterns: as for `listen`.
    """

    def __init__(
        self,
        url: str,
        tell: Callable[[Event], None],
        *,
        lost: Callable[[GatewayError], None] = lambda _: None,
        patterns: Collection[str] = ("#",),
    ) -> None:
        self._url = url
        self._tell = tell
        self._lost = lost
        self._patterns = patterns
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
        )
        for fact in facts:
            try:
                self._tell(fact)
            except Exception as error:  # this fact's, and no reason to be deaf to the others
                _log.error("A fact was passed over, a bug of the gateway: %r", error)

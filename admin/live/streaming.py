"""Following what becomes true of deliveries, in the background, by the API's stream."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Self

from gateway_client import AsyncGateway, Event, GatewayError

_log = logging.getLogger(__name__)
_END_S = 5.0


class Streaming:
    """A thread that hands on each event from now on, and goes on after every break where it was.

    tell: called with each event, in the thread.
    """

    def __init__(self, url: str, tell: Callable[[Event], None]) -> None:
        self._url = url
        self._tell = tell
        self._loop = asyncio.new_event_loop()
        self._flowing = threading.Event()
        self._fault: GatewayError | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="streaming", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(_END_S)

    @property
    def fault(self) -> GatewayError | None:
        """Why nothing comes at the moment; None while it flows, or has not begun yet."""
        return self._fault

    def await_ready(self, timeout_s: float) -> str | None:
        """Wait until nothing that becomes true is missed; what is in the way, None if nothing."""
        if self._flowing.wait(timeout_s):
            return None
        return str(self._fault or "the API does not answer")

    def _run(self) -> None:
        with (
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
            suppress(asyncio.CancelledError),
        ):
            runner.run(self._follow())

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        self._task = asyncio.current_task()
        try:
            async with (
                AsyncGateway(self._url) as gateway,
                aclosing(gateway.watch(lost=self._lose)) as told,
            ):
                async for one in told:
                    if isinstance(one, Event):
                        self._hand_on(one)
        except GatewayError as error:  # coming back does not mend it
            self._fault = error

    def _hand_on(self, event: Event) -> None:
        try:
            self._tell(event)
        except Exception as error:  # this event's, and no reason to be deaf to the others
            _log.error("An event was passed over, a bug of the gateway: %r", error)

    def _lose(self, error: GatewayError | None) -> None:
        self._fault = error
        if error is None:
            self._flowing.set()

"""Walks through queues of dead letters: in threads, because pika blocks, and each can be ended."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from pydantic import JsonValue
from starlette.requests import Request

from broker_topology.connect import TopologyError
from broker_topology.dead_letters.queue import (
    DeadLetterError,
    Patience,
    QueueBusyError,
    WorkCancelledError,
)
from broker_topology.dead_letters.walk import NoSuchLetterError
from common.http.problems import RETRY_AFTER_S, Problem

AT_ONCE: Final = 8  # each has a thread, and two connections at most; a queue takes one at a time
_WAITING: Final = 0.75  # part of the time for an answer that may go by before the broker is asked
_LONG_ANSWER_S: Final = 15.0  # for one answer of the broker to work that takes long
_END_S: Final = 5.0  # how long a stopping console waits for letters to go back in their order

Result = TypeVar("Result")


class Walk:
    """One walk: told to end by whoever wants no more of it; asked by the thread at each letter.

    done: how many letters were worked on.
    """

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self.done = 0

    def end(self) -> None:
        """End it at the letter it is at; what is done stays done."""
        self._is_over.set()

    def check(self) -> None:
        """Raise WorkCancelledError once it was told to end."""
        if self._is_over.is_set():
            raise WorkCancelledError("it was cancelled")

    def note(self, done: int) -> None:
        """So many letters were worked on."""
        self.done = done


Work = Callable[[Patience, Walk], Result]
"""What a thread does, with the broker's URL known to it."""


class Walks:
    """All walks of this process; `stop` ends them. At most AT_ONCE at a time."""

    def __init__(self, url: str, answer_timeout_s: float) -> None:
        self.url = url
        self._answer_timeout_s = answer_timeout_s
        self._places = asyncio.Semaphore(AT_ONCE)
        self._walks: set[Walk] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_stopping = False
        self._givers: list[Callable[[], object]] = []

    def before_look(self, give_way: Callable[[], object]) -> None:
        """Tell it before somebody looks, who would have to wait for the queues that it holds."""
        self._givers.append(give_way)

    async def look(self, request: Request | None, work: Work[Result]) -> Result:
        """The result of a short walk, which ends when the client goes away. Raises Problem.

        request: None of a page, which cancels this when nobody looks at it any more.

        Nobody waits longer than the time for an answer until a place is free and the broker has
        answered it, however many ask while the broker hangs.
        """
        clock = asyncio.get_running_loop().time
        began_at, waiting_s = clock(), self._answer_timeout_s * _WAITING
        walk = Walk()
        for give_way in self._givers:
            give_way()
        await self._take_place(waiting_s)
        left_s = began_at + self._answer_timeout_s - clock()
        walking = self._start(work, Patience(waiting_s, left_s, check=walk.check), walk)
        try:
            return await _unless_gone(request, walking, walk)
        except (DeadLetterError, TopologyError) as error:
            raise problem_of(error) from error

    async def work(self, work: Work[Result], walk: Walk) -> Result:
        """The result of a walk that may take long.

        Raises Problem when no place is free, DeadLetterError and TopologyError as the work does.
        """
        await self._take_place(0)
        patience = Patience(broker_s=_LONG_ANSWER_S, check=walk.check)
        walking = self._start(work, patience, walk)
        try:
            return await asyncio.shield(walking)
        finally:
            walk.end()

    def stop(self) -> None:
        """End every walk, and begin no other: the process is about to end."""
        self._is_stopping = True
        for walk in self._walks:
            walk.end()

    async def close(self) -> None:
        """Stop, and wait a moment for letters in hand to go back in their order."""
        self.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._is_idle.wait()

    async def _take_place(self, waiting_s: float) -> None:
        """It is taken for as long as the thread works, whoever still waits for that."""
        try:
            async with asyncio.timeout(waiting_s):
                await self._places.acquire()
        except TimeoutError:
            raise busy(f"{AT_ONCE} others are at work on dead letters") from None

    def _start(self, work: Work[Result], patience: Patience, walk: Walk) -> asyncio.Future[Result]:
        """Run it in a thread that the end of the process need not wait for."""
        loop = asyncio.get_running_loop()
        result: Future[Result] = Future()
        result.set_running_or_notify_cancel()  # who waits no longer takes nothing from the thread
        self._walks.add(walk)
        self._is_idle.clear()
        if self._is_stopping:
            walk.end()

        def run() -> None:
            try:
                result.set_result(work(patience, walk))
            except BaseException as error:
                result.set_exception(error)
            with suppress(RuntimeError):  # the loop may have ended before
                loop.call_soon_threadsafe(self._over, walk)

        threading.Thread(target=run, name="dead-letters", daemon=True).start()
        walking = asyncio.wrap_future(result)
        # Looked at, even if nobody waits any more: else the event loop logs it.
        walking.add_done_callback(lambda over: over.cancelled() or over.exception())
        return walking

    def _over(self, walk: Walk) -> None:
        self._walks.discard(walk)
        if not self._walks:
            self._is_idle.set()
        self._places.release()


async def gone(request: Request) -> None:
    """Return when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def problem_of(error: DeadLetterError | TopologyError, done: int | None = None) -> Problem:
    """The answer to what went wrong; done: letters that work was done on before."""
    members: dict[str, JsonValue] = {} if done is None else {"done": done}
    match error:
        case NoSuchLetterError():
            return Problem("dead_letter_not_found", str(error))
        case QueueBusyError():
            return busy(str(error), members)
        case WorkCancelledError():
            return Problem("stopping", "the console had to stop before this was answered")
        case DeadLetterError():
            return Problem("dead_letters_refused", str(error), members=members)
    # Its text names the broker's place, which is no client's business.
    sentence = "the broker cannot be reached, does not answer, or was lost on the way"
    code = "dead_letters_interrupted" if done else "broker_unreachable"
    return Problem(code, sentence, members=members if done else None)


def busy(sentence: str, members: dict[str, JsonValue] | None = None) -> Problem:
    """Others have what is wanted; it may be asked for again."""
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Problem("dead_letters_busy", sentence, headers=headers, members=members)


async def _unless_gone(
    request: Request | None, walking: asyncio.Future[Result], walk: Walk
) -> Result:
    if request is None:
        try:
            return await walking
        finally:
            walk.end()
    leaving = asyncio.create_task(gone(request))
    try:
        both: set[asyncio.Future[Any]] = {walking, leaving}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not walking.done():
            walk.end()
        return await walking
    finally:
        walk.end()
        leaving.cancel()
        await asyncio.wait([leaving])

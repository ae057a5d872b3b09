"""`/v1/events/ws`: facts over one WebSocket, for several subscriptions that come and go."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request, problem_of
from common.http.websockets import CUT
from common.logs import get_logger
from gateway_api.updates.feed import POLL_S, Feed, Told, Watcher
from gateway_api.updates.following import TYPES, Filters, allowed, leave_of, read_start
from gateway_api.updates.sse import SLOW_S
from store.events import Wanted

log = get_logger(__name__)

MOST_SUBSCRIPTIONS: Final = 100

NOT_JSON: Final = 1007
NOT_TEXT: Final = 1003
NOT_ALLOWED: Final = 1008
STOPPING: Final = 1012
TOO_SLOW: Final = 1013
_ENDS: Final = {
    "token_expired": "the token has expired",
    "key_revoked": "the key is good no more",
}

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Subscription(Filters):
    """What is followed under a name of the client's own."""

    id: Name

    types: list[str] | None = None
    """Kinds of facts: `["sent", "failed"]`."""

    def checked(self) -> Wanted:
        """Raises Problem."""
        if self.types is None:
            return self.wanted()
        if unknown := sorted(set(self.types).difference(TYPES)):
            sentence = f"{unknown[0][:40]!r} is none of {', '.join(TYPES)}"
            raise invalid_request([FieldFault("/subscribe/types", sentence)])
        return self.wanted(frozenset(self.types))


class Command(BaseModel):
    """What a client sends: one of both."""

    model_config = ConfigDict(extra="forbid")

    subscribe: Subscription | None = None
    unsubscribe: Name | None = None


@dataclass(frozen=True, slots=True)
class _Followed:
    watcher: Watcher
    end: contextlib.AsyncExitStack


class _Garbage(Exception):
    """The client does not speak as we do; it is answered and closed."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class WebSockets:
    """The endpoint."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def serve(self, socket: WebSocket) -> None:
        """One client, until it leaves, falls behind, or the process stops."""
        await socket.accept()
        await _Client(self._feed, socket).serve()

    async def refuse(self, request: Request) -> Response:
        """What a plain request gets here. Raises Problem."""
        raise Problem(
            "upgrade_required",
            "this path speaks WebSocket only; /v1/events tells the same over HTTP",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )


class _Client:
    """What it follows, by its own names; one task reads what it says, one tells it what comes."""

    def __init__(self, feed: Feed, socket: WebSocket) -> None:
        self._feed = feed
        self._socket = socket
        self._woken = asyncio.Event()
        self._followed: dict[str, _Followed] = {}
        self._leave = leave_of(socket.scope, self._woken)

    async def serve(self) -> None:
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(lambda _: self._woken.set())
        try:
            await self._tell(reading)
        except TimeoutError:
            self._feed.note_cut_off("websocket")
            log.info("slow client cut off", way="websocket")
            self._socket.scope["extensions"][CUT](TOO_SLOW, "too slow, come back")
        except (WebSocketDisconnect, RuntimeError):
            pass  # it has left
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            for followed in self._followed.values():
                await followed.end.aclose()

    async def _tell(self, reading: asyncio.Task[None]) -> None:
        """Raises TimeoutError when the client does not take what it is sent."""
        while not reading.done():
            self._woken.clear()
            if self._feed.is_stopping:
                await self._close(STOPPING, "stopping, come back")
                return
            if self._leave.is_over:
                await self._close(NOT_ALLOWED, _ENDS[self._leave.end])
                return
            left_s = None if isinf(self._leave.left_s) else self._leave.left_s
            if not await self._tell_what_came():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s(left_s)):
                        await self._woken.wait()
        reading.result()

    def _wait_s(self, left_s: float | None) -> float | None:
        """How long to wait to be woken: while the store is away somebody behind looks again."""
        if any(one.watcher.is_behind for one in self._followed.values()):
            return POLL_S if left_s is None else min(left_s, POLL_S)
        return left_s

    async def _tell_what_came(self) -> bool:
        """Whether there was anything. A fact that several subscriptions want is told once."""
        came: dict[int, tuple[Told, list[str]]] = {}
        is_anything = False
        for name, followed in list(self._followed.items()):
            if reset := followed.watcher.take_reset():
                is_anything = True
                await self._send({"reset": name} | reset.document)
            try:
                told = await followed.watcher.take()
            except Problem:
                continue  # the store is away; it goes on from there when it is back
            for one in told:
                came.setdefault(one.event.seq, (one, []))[1].append(name)
        for _, (one, names) in sorted(came.items()):
            if wanting := [name for name in names if name in self._followed]:
                await self._send_event(one, wanting)
        return is_anything or bool(came)

    async def _read(self) -> None:
        """Do what the client says, until it leaves."""
        try:
            while (message := await self._socket.receive())["type"] != "websocket.disconnect":
                try:
                    await self._obey(_read_command(message))
                except Problem as problem:
                    await self._send_error(problem)
                    if problem.kind.code == "not_granted":
                        await self._close(NOT_ALLOWED, "not allowed")
                        return
        except _Garbage as garbage:
            await self._send_error(Problem("malformed_json", str(garbage)))
            await self._close(garbage.code, str(garbage))

    async def _obey(self, command: Command) -> None:
        if command.subscribe is not None:
            await self._subscribe(command.subscribe)
        if command.unsubscribe is not None:
            if (followed := self._followed.pop(command.unsubscribe, None)) is None:
                raise _fault("/unsubscribe", "is no subscription of this connection")
            await followed.end.aclose()
            await self._send({"unsubscribed": command.unsubscribe})

    async def _subscribe(self, asked: Subscription) -> None:
        if asked.id in self._followed:
            raise _fault("/subscribe/id", "is in use on this connection: unsubscribe it first")
        if len(self._followed) >= MOST_SUBSCRIPTIONS:
            sentence = f"a connection has at most {MOST_SUBSCRIPTIONS} subscriptions"
            raise _fault("/subscribe", sentence)
        wanted = allowed(self._socket.scope, asked.checked())
        async with contextlib.AsyncExitStack() as stack:
            watching = self._feed.watch(
                wanted, read_start(asked.after), way="websocket", woken=self._woken
            )
            watcher = await stack.enter_async_context(watching)
            await self._send({"subscribed": asked.id, "position": str(watcher.mark)})
            self._followed[asked.id] = _Followed(watcher, stack.pop_all())
        self._woken.set()

    async def _send_event(self, one: Told, names: Iterable[str]) -> None:
        words = (
            *(b'{"event":', one.json, b',"position":', to_json(str(one.mark))),
            *(b',"for":', to_json(list(names)), b"}"),
        )
        await self._send_text(b"".join(words).decode())

    async def _send_error(self, problem: Problem) -> None:
        document = problem.document()
        kept = {name: document[name] for name in ("code", "detail", "errors") if name in document}
        await self._send({"error": kept})

    async def _send(self, document: dict[str, Any]) -> None:
        await self._send_text(to_json(document).decode())

    async def _send_text(self, text: str) -> None:
        async with asyncio.timeout(SLOW_S):
            await self._socket.send_text(text)

    async def _close(self, code: int, reason: str) -> None:
        async with asyncio.timeout(SLOW_S):
            await self._socket.close(code, reason[:100])


def _read_command(message: Any) -> Command:
    """Raises Problem for one that says too little or too much, _Garbage for what is none."""
    text = message.get("text")
    if text is None:
        raise _Garbage(NOT_TEXT, "commands are text, in JSON")
    try:
        said = from_json(text)
    except ValueError:
        raise _Garbage(NOT_JSON, "this is no JSON") from None
    if not isinstance(said, dict):
        raise _Garbage(NOT_JSON, "a command is a JSON object")
    try:
        command = Command.model_validate(said)
    except ValidationError as error:
        raise problem_of(error, Command) from None
    if (command.subscribe is None) == (command.unsubscribe is None):
        raise _fault("", 'a command is {"subscribe": {"id": …}} or {"unsubscribe": …}')
    return command


def _fault(path: str, sentence: str) -> Problem:
    return invalid_request([FieldFault(path, sentence)])

"""`AsyncGateway`: for code in an event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack

import httpx

from gateway_client import calls, watching
from gateway_client.call import (
    Answer,
    Body,
    Call,
    checked_base,
    checked_key,
    trusts_environment,
    unreachable,
)
from gateway_client.errors import Unreachable
from gateway_client.fields import Fields, Filters
from gateway_client.models import (
    Accepted,
    Document,
    Event,
    LiveToken,
    Notification,
    Reset,
)
from gateway_client.repeating import Close, Conversation, Open, Patience, Pause, Read, Step, Told
from gateway_client.watching import Lost, Wanted

T = TypeVar("T")


class AsyncGateway:
    """A message gateway; all is as Gateway has it, and what that waits for is awaited here."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        most_tries: int = 10,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Raises ValueError for an address or a key that is none."""
        self._base = checked_base(url)
        self._key = checked_key(key)
        self._patience = Patience(timeout_s, most_tries)
        self._keys = calls.KnowsKeys()
        self._http = http or httpx.AsyncClient(trust_env=trusts_environment(self._base))
        self._is_own = http is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        if self._is_own:
            await self._http.aclose()

    async def send(
        self,
        to: str | Sequence[str],
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Accepted:
        """Have a message sent to one or more recipients; as Gateway.send does."""
        return await self._have(calls.send(to, fields, idempotency_key, self._keys, self._patience))

    async def status(self, notification_id: str) -> Notification:
        """What became of a notification so far. Raises GatewayError."""
        return await self._have(calls.status(notification_id, self._patience))

    async def cancel(self, notification_id: str) -> Notification:
        """Stop what of it was not tried to its end yet; as Gateway.cancel has it."""
        return await self._have(calls.cancel(notification_id, self._patience))

    async def wait(self, notification_id: str, timeout_s: float = 60.0) -> Notification:
        """The same when it is complete. Raises NotCompleteYet after timeout_s, and GatewayError."""
        return await self._have(calls.wait(notification_id, timeout_s, self._patience))

    def watch(
        self,
        notification: str | None = None,
        *,
        tag: str | None = None,
        channel: str | None = None,
        types: Sequence[str] | None = None,
        after: str | None = None,
        for_s: float | None = None,
        lost: Lost | None = None,
    ) -> AsyncGenerator[Event | Reset, None]:
        """What becomes true, as it does; as Gateway.watch has it. Leave early by aclosing."""
        chosen = None if types is None else frozenset(types)
        wanted = Wanted(notification, tag, channel, chosen, after, for_s)
        return self._tell(watching.watch(wanted, lost))

    def list(self, **filters: Unpack[Filters]) -> AsyncGenerator[Notification, None]:
        """Notifications, the newest first, asked for page by page. Raises GatewayError."""
        return self._tell(calls.listed(filters, self._patience))

    async def live_token(
        self,
        notifications: Sequence[str] = (),
        tags: Sequence[str] = (),
        expires_in_s: int = 600,
    ) -> LiveToken:
        """A token by which a browser may follow these, and nothing else. Raises GatewayError."""
        return await self._have(calls.live_token(notifications, tags, expires_in_s, self._patience))

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Document:
        """The JSON object at any other path. Raises GatewayError."""
        return await self._have(
            calls.get(path, query or {}, self._patience, self._patience.timeout_s)
        )

    async def _have(self, conversation: Conversation[T]) -> T:
        found: list[T] = []

        def kept() -> Conversation[None]:
            found.append((yield from conversation))

        async for _ in self._tell(kept()):
            pass
        return found[0]

    async def _tell(self, conversation: Conversation[None]) -> AsyncGenerator[Any, None]:
        """Do what the conversation wants done, and hand on what it tells."""
        line = _Line(self._http, self._base, self._key)
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Told):
                    yield step.value
                try:
                    came = await line.do(step)
                except Unreachable as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(came)
        except StopIteration:
            return
        finally:
            await line.close()


class _Line:
    """The network for one conversation; it has one stream at a time."""

    def __init__(self, http: httpx.AsyncClient, base: str, key: str | None) -> None:
        self._http, self._base, self._key = http, base, key
        self._stream: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def do(self, step: Step) -> Any:
        """Raises Unreachable."""
        try:
            match step:
                case Call():
                    return await self._ask(step)
                case Pause():
                    await asyncio.sleep(step.seconds)
                case Open():
                    return await self._open(step.call)
                case Read():
                    return b"" if self._pieces is None else await anext(self._pieces, b"")
                case Close():
                    await self.close()
        except httpx.HTTPError as error:
            raise unreachable(error, self._base) from error

    async def close(self) -> None:
        """Be done with the stream."""
        stream, self._stream, self._pieces = self._stream, None, None
        if stream is not None:
            await stream.aclose()

    def _built(self, call: Call) -> httpx.Request:
        request: httpx.Request = call.build(self._http, self._base, self._key)
        return request

    async def _ask(self, call: Call) -> Answer:
        response = await self._http.send(self._built(call), stream=True)
        try:
            return await self._whole(response, call)
        finally:
            await response.aclose()

    async def _open(self, call: Call) -> Answer:
        await self.close()
        response = self._stream = await self._http.send(self._built(call), stream=True)
        if response.status_code != httpx.codes.OK:
            return await self._whole(response, call)
        self._pieces = response.aiter_bytes()
        return Answer.of(response, b"")

    async def _whole(self, response: httpx.Response, call: Call) -> Answer:
        body = Body(call.answer_s)
        async for piece in response.aiter_bytes():
            body.add(piece)
        return Answer.of(response, body.whole())

"""`Gateway`: for code without an event loop."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
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


class Gateway:
    """A message gateway, over connections that are kept; several threads may use one.

    key: GATEWAY_API_KEY of the gateway; a live token will do for following. timeout_s: for a call
    with all its tries; most_tries: how many these may be, 1 for none but the first. http: a client
    of one's own, for certificates and proxies; it stays its owner's to close.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        most_tries: int = 10,
        http: httpx.Client | None = None,
    ) -> None:
        """Raises ValueError for an address or a key that is none."""
        self._base = checked_base(url)
        self._key = checked_key(key)
        self._patience = Patience(timeout_s, most_tries)
        self._keys = calls.KnowsKeys()
        self._http = http or httpx.Client(trust_env=trusts_environment(self._base))
        self._is_own = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        if self._is_own:
            self._http.close()

    def send(
        self,
        to: str | Sequence[str],
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Accepted:
        """Have a message sent to one or more recipients (`email:ada@example.com`, `telegram:42`).

        Tries again by itself. A gateway that knows idempotency keys makes one notification of all
        tries: each send carries a key of its own, or the one that is given, which a later send of
        the same may carry too. One that does not know them is asked again only when it certainly
        accepted nothing; otherwise Unreachable or Unavailable is raised with may_have_arrived, and
        whoever sends again may send twice. Raises GatewayError.
        """
        return self._have(calls.send(to, fields, idempotency_key, self._keys, self._patience))

    def status(self, notification_id: str) -> Notification:
        """What became of a notification so far. Raises GatewayError."""
        return self._have(calls.status(notification_id, self._patience))

    def cancel(self, notification_id: str) -> Notification:
        """Stop what of it was not tried to its end yet; how it stands then.

        Each such delivery ends as `cancelled` before its next try; one that is tried at this moment
        goes on. Repeating it is harmless. Raises GatewayError: Refused with the code
        `already_final` when nothing is left to cancel.
        """
        return self._have(calls.cancel(notification_id, self._patience))

    def wait(self, notification_id: str, timeout_s: float = 60.0) -> Notification:
        """The same when it is complete. Raises NotCompleteYet after timeout_s, and GatewayError."""
        return self._have(calls.wait(notification_id, timeout_s, self._patience))

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
    ) -> Generator[Event | Reset, None, None]:
        """What becomes true, as it does: of one notification from its beginning, else from now on.

        Goes on over every break where it was, without gap or repetition; a Reset says that this was
        not possible. Ends when the notification is complete, or after for_s seconds. after: the
        position of the last event that was seen; lost: called with what broke the stream, at each
        try that fails, and with None as soon as it flows. Raises GatewayError for what coming back
        does not mend.
        """
        chosen = None if types is None else frozenset(types)
        wanted = Wanted(notification, tag, channel, chosen, after, for_s)
        return self._tell(watching.watch(wanted, lost))

    def list(self, **filters: Unpack[Filters]) -> Generator[Notification, None, None]:
        """Notifications, the newest first, asked for page by page. Raises GatewayError."""
        return self._tell(calls.listed(filters, self._patience))

    def live_token(
        self,
        notifications: Sequence[str] = (),
        tags: Sequence[str] = (),
        expires_in_s: int = 600,
    ) -> LiveToken:
        """A token by which a browser may follow these, and nothing else. Raises GatewayError."""
        return self._have(calls.live_token(notifications, tags, expires_in_s, self._patience))

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Document:
        """The JSON object at any other path. Raises GatewayError."""
        return self._have(calls.get(path, query or {}, self._patience, self._patience.timeout_s))

    def _have(self, conversation: Conversation[T]) -> T:
        found: list[T] = []

        def kept() -> Conversation[None]:
            found.append((yield from conversation))

        for _ in self._tell(kept()):
            pass
        return found[0]

    def _tell(self, conversation: Conversation[None]) -> Generator[Any, None, None]:
        """Do what the conversation wants done, and hand on what it tells."""
        line = _Line(self._http, self._base, self._key)
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Told):
                    yield step.value
                try:
                    came = line.do(step)
                except Unreachable as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(came)
        except StopIteration:
            return
        finally:
            line.close()


class _Line:
    """The network for one conversation; it has one stream at a time."""

    def __init__(self, http: httpx.Client, base: str, key: str | None) -> None:
        self._http, self._base, self._key = http, base, key
        self._stream: httpx.Response | None = None
        self._pieces: Iterator[bytes] = iter(())

    def do(self, step: Step) -> Any:
        """Raises Unreachable."""
        try:
            match step:
                case Call():
                    return self._ask(step)
                case Pause():
                    time.sleep(step.seconds)
                case Open():
                    return self._open(step.call)
                case Read():
                    return next(self._pieces, b"")
                case Close():
                    self.close()
        except httpx.HTTPError as error:
            raise unreachable(error, self._base) from error

    def close(self) -> None:
        """Be done with the stream."""
        stream, self._stream, self._pieces = self._stream, None, iter(())
        if stream is not None:
            stream.close()

    def _built(self, call: Call) -> httpx.Request:
        request: httpx.Request = call.build(self._http, self._base, self._key)
        return request

    def _ask(self, call: Call) -> Answer:
        response = self._http.send(self._built(call), stream=True)
        try:
            return self._whole(response, call)
        finally:
            response.close()

    def _open(self, call: Call) -> Answer:
        self.close()
        response = self._stream = self._http.send(self._built(call), stream=True)
        if response.status_code != httpx.codes.OK:
            return self._whole(response, call)
        self._pieces = response.iter_bytes()
        return Answer.of(response, b"")

    def _whole(self, response: httpx.Response, call: Call) -> Answer:
        body = Body(call.answer_s)
        for piece in response.iter_bytes():
            body.add(piece)
        return Answer.of(response, body.whole())

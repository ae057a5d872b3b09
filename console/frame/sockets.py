"""Whose WebSocket speaks for which page: only that of the person who loaded it, and for no other.

NiceGUI finds a page by its id alone, which stands in the address of its WebSocket and so in the
logs of proxies: whoever read it there could act in its person's name.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs

from nicegui import core
from nicegui.client import Client
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.types import Scope

from common.logs import get_logger

log = get_logger(__name__)

Message = Callable[[str, dict[str, Any]], None]
Packets = Callable[[str, str | bytes], Awaitable[None]]

_RELOAD: Final = "Implicit handshake failed"  # to these words a page loads itself anew
_NAMESPACE: Final = "/"
_NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@cache
def bind_sockets() -> None:
    """From now on, for the whole process."""
    handlers = core.sio.handlers[_NAMESPACE]
    begin = handlers["connect"]

    async def connect(sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        if not _is_its_persons(environ["asgi.scope"]):
            raise Refused(_RELOAD)
        await begin(sid, environ, auth)

    handlers["connect"] = connect
    for name in ("event", "javascript_response", "ack"):
        handlers[name] = _of_its_own_page(handlers[name])
    del handlers["log"]  # a page's words in our log: anybody's, as many as they like
    core.sio.eio.handlers["message"] = _readable(core.sio.eio.handlers["message"])


async def hang_up(client_id: str) -> None:
    """End the sockets of a page that is no more."""
    for socket, _ in [*core.sio.manager.get_participants(_NAMESPACE, client_id)]:
        await core.sio.disconnect(socket)


def _is_its_persons(scope: Scope) -> bool:
    """Whether who asks for the WebSocket is who loaded its page, by the same sign-in."""
    named = parse_qs(scope["query_string"].decode("latin-1")).get("client_id", [])
    client = Client.instances.get(named[0]) if len(named) == 1 else None
    return client is not None and client.request.state.person == scope["state"]["person"]


def _of_its_own_page(handle: Message) -> Message:
    """What is said about another page, or makes no sense, is nothing."""

    def hear(sid: str, message: object = None, *_: object) -> None:
        said = message if isinstance(message, dict) else {}
        if said.get("client_id") not in core.sio.rooms(sid):
            return
        try:
            handle(sid, said)
        except _NONSENSE as error:
            log.warning("a page said what none says", error=type(error).__name__)

    return hear


def _readable(handle: Packets) -> Packets:
    """Who sends what is no packet at all is hung up on."""

    async def take(sid: str, packet: str | bytes) -> None:
        try:
            await handle(sid, packet)
        except _NONSENSE as error:
            log.warning("a page said what none says", error=type(error).__name__)
            await core.sio.eio.disconnect(sid)

    return take

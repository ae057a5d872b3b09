"""Which addresses of the network a webhook is sent to: looked up once, and each of them checked."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from common.webhooks.networks import Network, is_in, read_address, refusal
from common.webhooks.url import WebhookUrl

SETTING: Final = "GATEWAY_CALLBACK_ALLOW_NETWORKS"
PUBLIC_SETTING: Final = "GATEWAY_CALLBACK_PUBLIC"
MOST_ADDRESSES: Final = 16
MOST_LOOKUPS: Final = (
    64  # at once, a thread each; a name server that hangs ends them in half a minute
)

_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where webhooks may go: to these networks, and to public ones unless that is closed."""

    allowed: Sequence[Network] = ()
    is_public_open: bool = True


class ForbiddenError(Exception):
    """Nothing may be sent there; code: which rule says so."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


async def find_way(url: WebhookUrl, bounds: Bounds, resolve: Resolve) -> Sequence[str]:
    """The addresses that may be connected to, in the order of the name server.

    One that is forbidden forbids them all: a public name has no address inside, but by mistake or
    by design. Raises ForbiddenError, and OSError when the name has no address.
    """
    found = (await _addresses(url, resolve))[:MOST_ADDRESSES]
    for text in found:
        if words := refusal(read_address(text), bounds.allowed):
            raise ForbiddenError(
                "forbidden-address",
                f"its host has an address that is not public ({words}); {SETTING} can allow it",
            )
    is_inside = all(is_in(read_address(one), bounds.allowed) for one in found)
    if url.scheme == "http" and not is_inside:
        raise ForbiddenError("plain-http", f"http:// is for networks in {SETTING} alone")
    if not (is_inside or bounds.is_public_open):
        raise ForbiddenError("public-address", f"{PUBLIC_SETTING} is no: {SETTING} says where to")
    return found


async def _addresses(url: WebhookUrl, resolve: Resolve) -> Sequence[str]:
    with contextlib.suppress(ValueError):
        read_address(url.host)
        return [url.host]
    if found := await resolve(url.host, url.port):
        return found
    raise socket.gaierror(socket.EAI_NONAME, "no address")


async def ask_system(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says. Raises OSError.

    In a thread of its own: a name server that hangs holds up neither other names nor the end of the
    process, as it would in the loop's few threads.
    """
    if not _lookups.acquire(blocking=False):
        raise socket.gaierror(socket.EAI_AGAIN, "too many names are being looked up")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str] | OSError) -> None:
        if answer.done():
            return  # nobody waits any more
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found = _look_up(host, port)
        _lookups.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, found)

    threading.Thread(target=ask, name="look up", daemon=True).start()
    return await answer


def _look_up(host: str, port: int) -> list[str] | OSError:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:  # the standard library has a reading of names of its own
        return socket.gaierror(socket.EAI_NONAME, "no name")
    return list(dict.fromkeys(str(row[4][0]) for row in rows))

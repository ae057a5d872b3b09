"""Sockets that a process of ours listens on."""

import errno
import socket
from typing import Final

from common.errors import GatewayError

_BACKLOG: Final = 2048


def listen(host: str, port: int, setting: str, *, is_shared: bool = False) -> list[socket.socket]:
    """Listening sockets on every address of `host`; port 0 picks a free one, the same for all.

    setting: what the names of the settings of both begin with; is_shared: the kernel spreads
    connections over all such sockets. Raises GatewayError in one sentence.
    """
    sockets: list[socket.socket] = []
    refusals: list[OSError] = []
    try:
        # A name such as localhost has an IPv6 address even where the kernel has no IPv6.
        for family, _, _, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                listener = _listener(family, (address[0], port, *address[2:]), is_shared)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                refusals.append(error)
            else:
                sockets.append(listener)
                port = listener.getsockname()[1]
        if not sockets:
            raise refusals[0]
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise GatewayError(_sentence(error, host, port, setting)) from error
    return sockets


def listen_shared(host: str, port: int, setting: str, shares: int) -> list[list[socket.socket]]:
    """As many times the sockets of `listen`, all on one port that is nobody else's."""
    alone = listen(
        host, port, setting
    )  # a port that another gateway shares would be shared with it
    port = alone[0].getsockname()[1]
    for listener in alone:
        listener.close()
    return [listen(host, port, setting, is_shared=True) for _ in range(shares)]


def _listener(family: int, address: tuple[object, ...], is_shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _sentence(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken by another process; stop that one, or set "
            f"{setting}_PORT to another port (0 picks a free one)"
        )
    return f"cannot listen on {host} port {port}: {error.strerror}; see {setting}_HOST and _PORT"

"""What comes before serving: whether the settings allow it, and the port."""

import errno
import socket

from common.errors import GatewayError
from common.http.keys import check_exposure
from common.settings import Settings
from common.tls import check_tls_files

_BACKLOG = 2048


def check_start(settings: Settings) -> None:
    """What is looked at before anything else. Raises SettingsError when no start can succeed."""
    check_exposure(settings)
    check_tls_files(settings.broker_url)


def listen(host: str, port: int, *, is_shared: bool = False) -> list[socket.socket]:
    """Listening sockets on every address of `host`; port 0 picks a free one, the same for all.

    is_shared: the kernel spreads connections over all such sockets. Raises GatewayError in one
    sentence.
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
        raise GatewayError(_sentence(error, host, port)) from error
    return sockets


def listen_shared(host: str, port: int, shares: int) -> list[list[socket.socket]]:
    """As many times the sockets of `listen`, all on one port that is nobody else's."""
    alone = listen(host, port)  # a port that another gateway shares would be shared with it
    port = alone[0].getsockname()[1]
    for listener in alone:
        listener.close()
    return [listen(host, port, is_shared=True) for _ in range(shares)]


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


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken by another process; stop that one, or set "
            "GATEWAY_API_PORT to another port (0 picks a free one)"
        )
    return f"cannot listen on {host} port {port}: {error.strerror}; see GATEWAY_API_HOST and _PORT"

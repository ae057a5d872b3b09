"""Running the API in the foreground: sockets, signals, and a graceful end."""

import asyncio
import contextlib
import errno
import math
import signal
import socket
from collections.abc import Iterator
from functools import partial
from typing import cast

import uvicorn

from common.errors import GatewayError
from common.http.connections import Door, limits_for, raise_descriptor_limit
from common.http.keys import check_exposure
from common.http.protocol import HttpConnection
from common.logs import get_logger
from common.settings import Settings
from common.tls import check_tls_files
from gateway_api.app import create_app

log = get_logger(__name__)

_BACKLOG = 2048


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand finish within `stop_timeout_s` seconds.

    Raises GatewayError when the port cannot be listened on, SettingsError without a needed key.
    """
    check_start(settings)
    door = Door(limits_for(settings, raise_descriptor_limit()))
    sockets = listen(settings.api_host, settings.api_port)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            loop="uvloop",
            http=cast("type[asyncio.Protocol]", partial(HttpConnection, door)),
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(settings.stop_timeout_s),
        )
    )
    log.info("api listening", host=settings.api_host, port=sockets[0].getsockname()[1])
    with _stopping(server):
        server.run(sockets)
    log.info("api stopped")


def check_start(settings: Settings) -> None:
    """What is looked at before anything else. Raises SettingsError when no start can succeed."""
    check_exposure(settings)
    check_tls_files(settings.broker_url)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of `host`; port 0 picks a free one, the same for all.

    Raises GatewayError in one sentence.
    """
    sockets: list[socket.socket] = []
    refusals: list[OSError] = []
    try:
        # A name such as localhost has an IPv6 address even where the kernel has no IPv6.
        for family, _, _, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                listener = _listener(family, (address[0], port, *address[2:]))
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


def _listener(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


@contextlib.contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end in a normal exit.

    The server raises what it caught again when it is done; without a handler the process would
    then die of the signal, and its exit code would tell of a crash.
    """
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, server.handle_exit) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""A broker that refuses a client for want of a certificate, in every way in which it may hang up.

Over TLS 1.3 the refusal comes after the handshake, and what the client meets first is a race: the
alert, the end of the stream, or a reset that has swallowed the alert.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from broker_topology.apply import apply
from broker_topology.connect import TopologyError
from common.broker.connection import Broker
from common.broker.errors import NotConnected
from tests.support.polling import eventually

Ending = Callable[[socket.socket, ssl.SSLContext], None]


def alert(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Demand a certificate, and close after the alert."""
    context.verify_mode = ssl.CERT_REQUIRED
    with encrypted(connection, context) as client:
        client.recv(1)


def alert_and_reset(connection: socket.socket, context: ssl.SSLContext) -> None:
    """The same, with a reset right behind the alert."""
    reset_at_close(connection)
    alert(connection, context)


def reset(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Reset at once after the handshake."""
    with encrypted(connection, context) as client:
        reset_at_close(client)


def reset_after_header(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Reset when the client has spoken."""
    with encrypted(connection, context) as client:
        client.recv(8)
        reset_at_close(client)


def close_in_order(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Say goodbye by TLS's own alert."""
    with encrypted(connection, context) as client:
        client.recv(8)
        client.unwrap().close()


def end(connection: socket.socket, context: ssl.SSLContext) -> None:
    """End the stream without a word."""
    with encrypted(connection, context) as client:
        client.recv(8)
        client.shutdown(socket.SHUT_RDWR)


def end_at_once(connection: socket.socket, context: ssl.SSLContext) -> None:
    """End the stream before the client has spoken."""
    with encrypted(connection, context) as client:
        client.shutdown(socket.SHUT_RDWR)


def end_in_handshake(connection: socket.socket, _: ssl.SSLContext) -> None:
    """End the stream in the middle of the handshake."""
    connection.recv(1000)
    connection.shutdown(socket.SHUT_RDWR)


def reset_in_handshake(connection: socket.socket, _: ssl.SSLContext) -> None:
    """Reset in the middle of the handshake."""
    connection.recv(1000)
    reset_at_close(connection)


def encrypted(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """The server's side after the handshake; leaving it closes the connection."""
    return context.wrap_socket(connection, server_side=True)


def reset_at_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ENDINGS: list[Ending] = [
    alert,
    alert_and_reset,
    reset,
    reset_after_header,
    close_in_order,
    end,
    end_at_once,
    end_in_handshake,
    reset_in_handshake,
]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    chosen: ssl.TLSVersion = request.param
    return chosen


@pytest.fixture(params=ENDINGS, ids=lambda ending: ending.__name__)
def url(request: pytest.FixtureRequest, version: ssl.TLSVersion, tmp_path: Path) -> Iterator[str]:
    with serving(request.param, version, tmp_path) as url:
        yield url


@contextlib.contextmanager
def serving(ending: Ending, version: ssl.TLSVersion, directory: Path) -> Iterator[str]:
    """A server that ends every connection in this way; the client has no certificate."""
    ca_file = directory / f"{ending.__name__}.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    certificate = authority.issue_cert("localhost")

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.minimum_version = context.maximum_version = version
            certificate.configure_cert(context)
            with connection, contextlib.suppress(OSError):
                ending(connection, context)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        port = listener.getsockname()[1]
        try:
            yield f"amqps://ada:secret@localhost:{port}/?cafile={ca_file}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()


def test_operator_is_told_of_the_certificate(url: str) -> None:
    with pytest.raises(TopologyError, match="certificate in GATEWAY_AMQP_CERT_FILE") as raised:
        apply(url)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_process_is_told_of_the_certificate(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """However the server ends it: all at once, as each takes some seconds of waiting."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(serving(one, version, tmp_path)) for one in ENDINGS]
        await asyncio.gather(*map(check_told, urls))


async def check_told(url: str) -> None:
    async with Broker(url, name="test") as broker:

        async def told() -> str:
            with pytest.raises(NotConnected) as raised:
                await broker.connected(0.2)
            return str(raised.value)

        async def is_told() -> bool:
            return "certificate in GATEWAY_AMQP_CERT_FILE" in await told()

        await eventually(is_told)
        for _ in range(5):
            await asyncio.sleep(0.1)
            assert await is_told()

"""The way to a provider's HTTP API: the proxies and the trust that the environment asks for."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from common.channels import Channel
from common.settings import load_settings
from senders.outcome import Reply, Sent
from senders.process import make_provider
from tests.support.providers.scripted_servers import ScriptedHttp, http
from tests.support.queues import make_delivery

MESSAGE = {"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}
OK = {
    Channel.TELEGRAM: http(200, json.dumps({"ok": True, "result": MESSAGE})),
    Channel.VK: http(200, '{"response": 7}'),
}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def api_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name api.example is this machine, which its address does not tell."""
    look_up: Callable[..., Any] = socket.getaddrinfo

    def found(host: Any, *args: Any, **kwargs: Any) -> Any:
        here = "127.0.0.1" if host in ("api.example", b"api.example") else host
        return look_up(here, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", found)


async def send(channel: Channel, url: str) -> Reply:
    given = {
        f"GATEWAY_{channel.upper()}_API_URL": url,
        f"GATEWAY_{channel.upper()}_TOKEN": "1:s3cret",
    }
    made = make_provider(channel, load_settings(given))
    lane = made.transmitter()
    try:
        return await lane.send(make_delivery(channel=channel, address="42", subject="s"))
    finally:
        await lane.close()
        await made.close()


def trusted_server(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ssl.SSLContext:
    """The TLS of api.example, whose authority the environment names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusted = {Channel.TELEGRAM: "SSL_CERT_FILE", Channel.VK: "REQUESTS_CA_BUNDLE"}
    monkeypatch.setenv(trusted[channel], str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.example").configure_cert(context)
    return context


@pytest.mark.parametrize("channel", OK)
async def test_proxy_of_the_environment_is_told_the_whole_address(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = ScriptedHttp(OK[channel])
    async with proxy.serving():
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        outcome = await send(channel, "http://api.example/under")

    assert outcome == Sent("7")
    [heard] = proxy.heard
    assert heard.startswith("post http://api.example/under/")


@pytest.mark.usefixtures("api_is_here")
@pytest.mark.parametrize("channel", OK)
async def test_proxy_is_not_asked_for_an_exempt_host(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "api.example")
    server = ScriptedHttp(OK[channel])
    async with server.serving():
        assert await send(channel, f"http://api.example:{server.port}") == Sent("7")


@pytest.mark.usefixtures("api_is_here")
@pytest.mark.parametrize("channel", OK)
async def test_authority_of_the_environment_is_trusted(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = trusted_server(channel, monkeypatch, tmp_path)
    server = ScriptedHttp(OK[channel])
    async with server.serving(context):
        assert await send(channel, f"https://api.example:{server.port}") == Sent("7")


@asynccontextmanager
async def tunnelling(port: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy's port and what it is asked, which connects everybody with a port of this machine."""
    heard: list[str] = []
    pipes: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await reader.read(65_536):
                writer.write(some)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        pipes.update(map(asyncio.ensure_future, (pipe(reader, back), pipe(there, writer))))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard
        await asyncio.gather(*pipes)


@pytest.mark.parametrize("channel", OK)
async def test_proxy_connects_with_an_encrypted_api(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = trusted_server(channel, monkeypatch, tmp_path)
    server = ScriptedHttp(OK[channel])
    async with server.serving(context), tunnelling(server.port) as (port, heard):
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:s3cret@127.0.0.1:{port}")
        outcome = await send(channel, "https://api.example")

    assert outcome == Sent("7")
    [asked] = heard
    assert asked.startswith("CONNECT api.example:443 HTTP/1.")
    assert "\r\nproxy-authorization: basic ywrhonmzy3jlda==\r\n" in asked.lower()
    assert "s3cret" not in asked

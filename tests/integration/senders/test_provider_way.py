"""The way to a provider's HTTP API: the proxies and the trust that the environment asks for."""

import json
import socket
import ssl
from collections.abc import Callable
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
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusted = {Channel.TELEGRAM: "SSL_CERT_FILE", Channel.VK: "REQUESTS_CA_BUNDLE"}
    monkeypatch.setenv(trusted[channel], str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.example").configure_cert(context)
    server = ScriptedHttp(OK[channel])
    async with server.serving(context):
        assert await send(channel, f"https://api.example:{server.port}") == Sent("7")

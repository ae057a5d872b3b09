"""Providers that cannot be reached or do not speak: told in our words, through the real clients."""

import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from common.channels import Channel
from common.errors import SettingsError
from common.settings import Settings, load_settings
from deploy.local.node import free_port
from senders.email.connection import Timeouts
from senders.email.provider import EmailProvider
from senders.outcome import Reply
from senders.provider import Provider
from senders.telegram.provider import TelegramProvider
from senders.vk.provider import VkProvider
from tests.support.providers.scripted_servers import (
    Answer,
    Closing,
    Deed,
    ScriptedHttp,
    ScriptedSmtp,
    http,
)
from tests.support.queues import make_delivery

ADDRESSES = {Channel.EMAIL: "ada@example.com", Channel.TELEGRAM: "42", Channel.VK: "123"}
HTTP = [Channel.TELEGRAM, Channel.VK]
TIMEOUT_S = 0.5
LIBRARYS = re.compile(
    r"HTTPS?Connection|Max retries|\[Errno|httpx|urllib3|requests|Cannot connect|Error connecting"
    r"|Connect call|_ssl\.c|CERTIFICATE_VERIFY|Malformed|EOF received|Timed? out|Error\(|bytearray"
    r"|Response code|Exceeded|attempts failed|Connection (aborted|broken)|s3cret|Status$"
)
REFUSED = "the connection was refused: nothing listens there"
UNKNOWN_HOST = "the host name is unknown"
NO_ANSWER = "no answer came in time"
HUNG_UP = "the other side closed the connection"
NO_WHOLE_ANSWER = "the connection ended without a whole HTTP answer"
NOT_TLS = "the port does not speak TLS"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def context(authority: trustme.CA, name: str = "127.0.0.1", year: int = 2100) -> ssl.SSLContext:
    """A server's, its certificate for a name and valid until a year."""
    certificate = authority.issue_cert(
        name,
        not_before=datetime(2019, 1, 1, tzinfo=UTC),
        not_after=datetime(year, 1, 1, tzinfo=UTC),
    )
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(made)
    return made


async def attempt(channel: Channel, url: str, **more: str) -> Reply:
    """What one delivery comes to with the provider at this address."""
    given = {f"{channel}_api_url": url, f"{channel}_token": "1:s3cret"}
    if channel is Channel.EMAIL:
        given = {"email_url": url, "email_from": "shop@example.com"}
    named = {f"GATEWAY_{name.upper()}": text for name, text in (given | more).items()}
    makers: dict[Channel, Callable[[Settings], Provider]] = {
        Channel.EMAIL: lambda one: EmailProvider(one, Timeouts(TIMEOUT_S, TIMEOUT_S, TIMEOUT_S)),
        Channel.TELEGRAM: lambda one: TelegramProvider(one, TIMEOUT_S, TIMEOUT_S),
        Channel.VK: lambda one: VkProvider(one, TIMEOUT_S, TIMEOUT_S),
    }
    made = makers[channel](load_settings(named))
    lane = made.transmitter()
    try:
        delivery = make_delivery(channel=channel, address=ADDRESSES[channel], subject="x")
        outcome = await lane.send(delivery)
    finally:
        await lane.close()
        await made.close()
    assert not LIBRARYS.search(outcome.message), outcome.message
    return outcome


@pytest.mark.parametrize("channel", list(ADDRESSES))
async def test_unknown_host_and_refused_port(channel: Channel) -> None:
    plain = "smtp" if channel is Channel.EMAIL else "http"
    unknown = await attempt(channel, f"{plain}://nonesuch.invalid")
    assert unknown.message in (UNKNOWN_HOST, "the host name could not be looked up")
    for scheme in (plain, f"{plain}s"):
        refused = await attempt(channel, f"{scheme}://127.0.0.1:{free_port()}")
        assert (refused.code, refused.message) == ("connect", REFUSED)


@pytest.mark.parametrize("channel", list(ADDRESSES))
async def test_every_address_of_a_name_refuses(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.1", "127.0.0.2")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    scheme = "smtp" if channel is Channel.EMAIL else "http"
    outcome = await attempt(channel, f"{scheme}://localhost:{port}")
    assert (outcome.code, outcome.message) == ("connect", REFUSED)


async def test_mail_servers_certificates(authority: trustme.CA, ca_file: Path) -> None:
    for served, trusted, said in (
        (context(authority), {}, "the certificate is signed by no authority that is trusted here"),
        (context(authority, "other.example"), {"email_ca_file": str(ca_file)}, "is not for this"),
        (context(authority, year=2020), {"email_ca_file": str(ca_file)}, "has expired"),
    ):
        server = ScriptedSmtp()
        async with server.serving(served):
            url = f"smtps://127.0.0.1:{server.port}"
            outcome = await attempt(Channel.EMAIL, url, **trusted)
        assert outcome.code == "tls"
        assert said in outcome.message


@pytest.mark.parametrize("channel", HTTP)
async def test_apis_certificate(channel: Channel, authority: trustme.CA) -> None:
    server = ScriptedHttp(http(200, "{}"))
    async with server.serving(context(authority)):
        outcome = await attempt(channel, f"https://127.0.0.1:{server.port}")
    assert outcome.code == "tls"
    assert outcome.message == "the certificate is signed by no authority that is trusted here"


async def test_mail_server_and_encryption_at_odds(authority: trustme.CA) -> None:
    plain, encrypted, pretender = ScriptedSmtp(), ScriptedSmtp(), ScriptedSmtp()
    async with plain.serving(), encrypted.serving(context(authority)), pretender.serving():
        from_start = await attempt(Channel.EMAIL, f"smtps://127.0.0.1:{plain.port}")
        to_tls = await attempt(Channel.EMAIL, f"smtp://127.0.0.1:{encrypted.port}?starttls=no")
        not_begun = await attempt(Channel.EMAIL, f"smtp://127.0.0.1:{pretender.port}")
    assert [one.message for one in (from_start, to_tls, not_begun)] == [NOT_TLS, NO_ANSWER, NOT_TLS]


@pytest.mark.parametrize("channel", HTTP)
async def test_api_and_encryption_at_odds(channel: Channel, authority: trustme.CA) -> None:
    plain, encrypted = ScriptedHttp(http(200, "{}")), ScriptedHttp(http(200, "{}"))
    async with plain.serving(), encrypted.serving(context(authority)):
        to_plain = await attempt(channel, f"https://127.0.0.1:{plain.port}")
        to_tls = await attempt(channel, f"http://127.0.0.1:{encrypted.port}")
    assert to_plain.message == NO_ANSWER
    assert to_tls.message in (NO_WHOLE_ANSWER, HUNG_UP)  # as the server ends what is no TLS


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Deed.DROP, HUNG_UP),
        (Deed.HANG, NO_ANSWER),
        ("HTTP/1.1 200 OK", "the reply is not SMTP: HTTP/1.1 200 OK"),
        ("", "the reply is not SMTP: empty"),
    ],
)
async def test_mail_server_breaks_off(stage: str, answer: Answer, said: str) -> None:
    server = ScriptedSmtp()
    server.say(stage, *[answer] * 4)
    async with server.serving():
        url = f"smtp://ada:s3cret@127.0.0.1:{server.port}?starttls=no"
        outcome = await attempt(Channel.EMAIL, url)
    assert outcome.message == said


@pytest.mark.parametrize("channel", HTTP)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Deed.DROP, NO_WHOLE_ANSWER),
        (Deed.HANG, NO_ANSWER),
        ("nonsense\r\n\r\n", NO_WHOLE_ANSWER),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", NO_WHOLE_ANSWER),
        (Closing("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), NO_WHOLE_ANSWER),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NO_WHOLE_ANSWER),
        (http(502, "<html>"), "HTTP status 502"),
        (http(404, "<html>"), "HTTP status 404"),
    ],
)
async def test_api_gives_no_answer_of_its_own(channel: Channel, answer: Answer, said: str) -> None:
    server = ScriptedHttp(answer)
    async with server.serving():
        outcome = await attempt(channel, server.url)
    assert outcome.message == said


@pytest.mark.parametrize("channel", HTTP)
async def test_api_that_leads_elsewhere(channel: Channel) -> None:
    server = ScriptedHttp("HTTP/1.1 302 Found\r\nLocation: http://h/\r\nContent-Length: 0\r\n\r\n")
    async with server.serving():
        outcome = await attempt(channel, server.url)
    said = {Channel.TELEGRAM: "HTTP status 302"}
    assert outcome.message == said.get(channel, "the address leads elsewhere, as no VK API does")


@pytest.mark.parametrize("channel", HTTP)
async def test_proxy_that_is_not_there_or_refuses(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:s3cret@127.0.0.1:{free_port()}")
    gone = await attempt(channel, "https://api.example")
    assert gone.message.endswith(REFUSED)

    proxy = ScriptedHttp(http(407, "<html>"))
    async with proxy.serving():
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:s3cret@127.0.0.1:{proxy.port}")
        refusing = await attempt(channel, "https://api.example")
    assert refusing.message == "the proxy refuses to connect us"


@pytest.mark.parametrize("channel", list(ADDRESSES))
@pytest.mark.parametrize("host", ["a..b", "exa mple", "a" * 64 + ".example"])
async def test_host_that_can_be_none_is_told_at_the_start(channel: Channel, host: str) -> None:
    scheme = "smtp" if channel is Channel.EMAIL else "http"
    with pytest.raises(SettingsError, match=f"GATEWAY_{channel.upper()}_"):
        await attempt(channel, f"{scheme}://{host}")

"""Where webhooks go: the address that was checked is the one connected to, and no other is."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpcore
import pytest
import trustme

from common.errors import SettingsError
from senders.outcome import Outcome, Rejected, Sent, Transient
from senders.webhook import connection
from senders.webhook.patience import Patience
from senders.webhook.provider import WebhookProvider
from senders.webhook.way import MOST_LOOKUPS, ask_system
from tests.support.polling import eventually
from tests.support.providers.receiver import Receiver, status, webhook_settings
from tests.support.queues import make_delivery

HERE, THERE, PUBLIC = "127.0.0.1", "127.0.0.2", "93.184.216.34"


class Names:
    """A name server that answers by a script, the last answer for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that was connected to, or tried; none but loopback is let through."""
    tried: list[str] = []
    connect = httpcore.AnyIOBackend.connect_tcp

    async def note(self: httpcore.AnyIOBackend, host: str, port: int, **kwargs: Any) -> Any:
        tried.append(host)
        if not host.startswith("127."):
            raise httpcore.ConnectError
        return await connect(self, host, port, **kwargs)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", note)
    return tried


async def sent_to(*addresses: str, names: Names | None = None, **settings: str) -> list[Outcome]:
    """What webhooks come to, one after another in one lane."""
    given = webhook_settings(**{"callback_allow_networks": "", **settings})
    patience = Patience(given.lanes("webhook"), timeout_s=1.0)
    channel = WebhookProvider(given, patience, names or ask_system)
    lane = channel.transmitter()
    try:
        return [await lane.send(make_delivery(channel="webhook", address=one)) for one in addresses]
    finally:
        await lane.close()


NAMES: dict[str, list[str]] = {
    "loopback": ["127.0.0.1"],
    "all of this machine": ["0.0.0.0"],
    "private": ["10.1.2.3"],
    "private 172": ["172.16.0.1"],
    "private 192": ["192.168.1.1"],
    "shared": ["100.64.0.1"],
    "metadata": ["169.254.169.254"],
    "metadata of Azure": ["168.63.129.16"],
    "metadata by IPv6": ["fd00:ec2::254"],
    "multicast": ["224.0.0.1"],
    "broadcast": ["255.255.255.255"],
    "loopback by IPv6": ["::1"],
    "link-local with its interface": ["fe80::1%eth0"],
    "unique local": ["fd12::1"],
    "mapped": ["::ffff:127.0.0.1"],
    "compatible": ["::127.0.0.1"],
    "NAT64": ["64:ff9b::7f00:1"],
    "6to4": ["2002:7f00:1::"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "one of several": [PUBLIC, "10.0.0.1"],
    "the other of several": ["10.0.0.1", PUBLIC],
    "IPv6 of several": [PUBLIC, "::1"],
}


@pytest.mark.parametrize("found", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_name_of_a_forbidden_address_is_never_connected_to(
    scheme: str, found: list[str], connected: list[str]
) -> None:
    [outcome] = await sent_to(f"{scheme}://shop.example/", names=Names(found))
    assert (type(outcome), outcome.code) == (Rejected, "forbidden-address")
    assert connected == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "[::1]", "[::]", "[::ffff:7f00:1]"],
)
async def test_forbidden_address_itself_is_never_connected_to(
    host: str, connected: list[str]
) -> None:
    receiver, names = Receiver(), Names([PUBLIC])
    async with receiver.serving():
        [outcome] = await sent_to(f"https://{host}:{receiver.port}/", names=names)
        assert (type(outcome), outcome.code) == (Rejected, "forbidden-address")
        assert (receiver.connections, connected, names.asked) == (0, [], [])


async def test_this_machine_by_its_own_name_is_never_connected_to() -> None:
    receiver = Receiver()
    async with receiver.serving():
        for host in ("localhost", "LOCALHOST", "localhost.", "127.0.0.1"):
            [outcome] = await sent_to(receiver.url(host=host, scheme="https"))
            assert outcome.code == "forbidden-address"
    assert receiver.connections == 0


async def test_plain_http_goes_to_allowed_networks_alone(connected: list[str]) -> None:
    [refused] = await sent_to("http://shop.example/", names=Names([PUBLIC]))
    assert (type(refused), refused.code) == (Rejected, "plain-http")
    [mixed] = await sent_to(
        "http://shop.example/",
        names=Names(["127.0.0.1", PUBLIC]),
        callback_allow_networks="127.0.0.0/8",
    )
    assert mixed.code == "plain-http"
    assert connected == []


async def test_closed_gateway_sends_to_allowed_networks_alone(connected: list[str]) -> None:
    url, closed = "https://shop.example/", {"callback_public": "no"}
    [outcome] = await sent_to(url, names=Names([PUBLIC]), **closed)
    assert (type(outcome), outcome.code, connected) == (Rejected, "public-address", [])
    inside = {**closed, "callback_allow_networks": "93.184.216.0/24"}
    await sent_to(url, names=Names([PUBLIC]), **inside)
    assert connected == [PUBLIC]


async def test_allowed_network_is_reached_and_its_neighbour_is_not() -> None:
    receiver = Receiver()
    async with receiver.serving():
        url = receiver.url(host="shop.example")
        allowed = {"callback_allow_networks": f"{HERE}/32"}
        [inside] = await sent_to(url, names=Names([HERE]), **allowed)
        [mapped] = await sent_to(url, names=Names([f"::ffff:{HERE}"]), **allowed)
        [outside] = await sent_to(url, names=Names([THERE]), **allowed)
    assert [type(one) for one in (inside, mapped)] == [Sent, Sent]
    assert outside.code == "forbidden-address"
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


async def test_name_that_changes_its_address_is_called_where_it_was_checked(
    connected: list[str],
) -> None:
    receiver, names = Receiver(), Names([HERE], ["10.0.0.1"])
    async with receiver.serving():
        url = receiver.url(host="shop.example")
        results = await sent_to(url, url, names=names, callback_allow_networks=f"{HERE}/32")
    assert [type(one) for one in results] == [Sent, Sent]  # over one connection
    assert (names.asked, connected) == (["shop.example"], [HERE])


async def test_new_connection_is_checked_anew(connected: list[str]) -> None:
    receiver = Receiver(status("200 OK", "Connection: close"))
    names = Names([HERE], ["10.0.0.1"])
    async with receiver.serving():
        url = receiver.url(host="shop.example")
        results = await sent_to(url, url, names=names, callback_allow_networks=f"{HERE}/32")
    assert [type(one) for one in results] == [Sent, Rejected]
    assert connected == [HERE]


class Later:
    """A clock so many seconds ahead."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s


async def test_connection_that_is_in_use_is_checked_anew_after_a_minute(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    names = Names([HERE], [HERE], ["10.0.0.1"])
    given = webhook_settings(callback_allow_networks=f"{HERE}/32")
    lane = WebhookProvider(given, resolve=names).transmitter()
    async with receiver.serving():
        delivery = make_delivery(channel="webhook", address=receiver.url(host="shop.example"))
        kinds = []
        for later_s in (0, 59, 61, 122):
            monkeypatch.setattr(connection, "time", Later(later_s))
            kinds.append(type(await lane.send(delivery)))
        await lane.close()
    assert kinds == [Sent, Sent, Sent, Rejected]
    assert connected == [HERE, HERE]


async def test_redirect_leads_to_no_lookup(connected: list[str]) -> None:
    receiver = Receiver(status("302 Found", "Location: http://inside.example/"))
    names = Names([HERE])
    async with receiver.serving():
        url = receiver.url(host="shop.example")
        [outcome] = await sent_to(url, names=names, callback_allow_networks=f"{HERE}/32")
    assert (type(outcome), outcome.code) == (Transient, "302")
    assert (names.asked, connected) == (["shop.example"], [HERE])


async def test_next_address_is_tried_where_one_does_not_answer() -> None:
    receiver = Receiver()
    async with receiver.serving():
        url = receiver.url(host="shop.example")
        found = Names([THERE, HERE])
        [outcome] = await sent_to(url, names=found, callback_allow_networks="127.0.0.0/8")
    assert isinstance(outcome, Sent)


async def test_name_without_an_address_waits_for_one() -> None:
    for found in (await sent_to("https://nonesuch.invalid/")) + (
        await sent_to("https://shop.example/", names=Names([]))
    ):
        assert (type(found), found.code) == (Transient, "unknown-host")


async def test_name_server_that_hangs_holds_up_no_other_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, real = threading.Event(), socket.getaddrinfo

    def hang(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.example":
            answered.wait(20)
            return []
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    hanging = [asyncio.create_task(_ask("slow.example")) for _ in range(32)]
    try:
        async with asyncio.timeout(15):
            assert "127.0.0.1" in await ask_system("localhost", 443)
    finally:
        answered.set()
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_names_that_are_looked_up_at_once_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_answer = threading.Event()

    def answer_late(*_: Any, **__: Any) -> Any:
        may_answer.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answer_late)
    asking = [asyncio.create_task(_ask("slow.example")) for _ in range(MOST_LOOKUPS)]
    await asyncio.sleep(0)
    with pytest.raises(socket.gaierror, match="too many"):
        await _ask("shop.example")
    may_answer.set()
    assert await asyncio.gather(*asking) == [[PUBLIC]] * MOST_LOOKUPS
    assert await _ask("shop.example") == [PUBLIC]


async def _ask(host: str) -> Sequence[str]:
    return await ask_system(host, 443)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def tls(authority: trustme.CA, name: str, heard: list[str | None]) -> ssl.SSLContext:
    """A server's, with a certificate for a name; keeps the names that clients ask for."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(made)

    def hear(_: ssl.SSLObject, asked: str | None, __: ssl.SSLContext) -> None:
        heard.append(asked)

    made.sni_callback = hear
    return made


async def test_certificate_is_the_names_and_not_the_address(
    authority: trustme.CA, ca_file: str
) -> None:
    heard: list[str | None] = []
    settings = {"callback_allow_networks": f"{HERE}/32", "callback_ca_file": ca_file}
    async with AsyncExitStack() as stack:
        right, wrong, unknown = Receiver(), Receiver(), Receiver()
        await stack.enter_async_context(right.serving(tls(authority, "shop.example", heard)))
        await stack.enter_async_context(wrong.serving(tls(authority, HERE, heard)))
        await stack.enter_async_context(unknown.serving(tls(trustme.CA(), "shop.example", heard)))
        urls = [one.url(host="shop.example", scheme="https") for one in (right, wrong, unknown)]
        results = await sent_to(*urls, names=Names([HERE]), **settings)
        [plain] = await sent_to(urls[0], names=Names([HERE]), callback_allow_networks=f"{HERE}/32")
    assert [type(one) for one in results] == [Sent, Transient, Transient]
    assert [one.code for one in (*results[1:], plain)] == ["tls", "tls", "tls"]
    assert results[1].message == "the certificate is not for this host name"
    assert set(heard) == {"shop.example"}
    assert [len(one.requests) for one in (right, wrong, unknown)] == [1, 0, 0]


async def test_endpoint_that_speaks_no_tls_is_told() -> None:
    receiver = Receiver()
    async with receiver.serving():
        url = receiver.url(scheme="https")
        [outcome] = await sent_to(url, callback_allow_networks=f"{HERE}/32")
        await eventually(lambda: receiver.open_connections == 0)
    assert isinstance(outcome, Transient)


@pytest.mark.parametrize("text", ["", "not a certificate"])
def test_ca_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    with pytest.raises(SettingsError, match=r"GATEWAY_CALLBACK_CA_FILE names .*ca\.pem"):
        WebhookProvider(webhook_settings(callback_ca_file=str(file)))

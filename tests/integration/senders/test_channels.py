"""The channels against the sandbox, and Telegram and VK against servers that misbehave."""

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from common.channels import Channel
from common.envelope import WireTelegram
from common.settings import Settings, load_settings
from deploy.local.stack import SANDBOX_SECRET, sandbox_address
from deploy.sandbox import Sandbox
from deploy.sandbox.email.smtp import PASSWORD
from senders.outcome import (
    Misconfigured,
    Moved,
    Rejected,
    Sent,
    Throttled,
    Transient,
    Unknown,
)
from senders.process import make_provider
from senders.provider import Provider, Transmitter
from senders.simulator.faults import FAULTS
from senders.telegram.provider import TelegramProvider
from senders.vk.provider import VkProvider, random_id
from tests.support.polling import eventually
from tests.support.providers.scripted_servers import (
    Answer,
    Closing,
    Deed,
    Endless,
    ScriptedHttp,
    http,
)
from tests.support.queues import make_delivery

TOKEN = "123456:s3cret-part"
VK_TOKEN = "vk1.a.s3cret"


def settings(**changes: str) -> Settings:
    given = {"telegram_token": TOKEN, "vk_token": VK_TOKEN, "email_from": "gateway@example.com"}
    named = {f"GATEWAY_{name.upper()}": text for name, text in (given | changes).items()}
    return load_settings(named)


def sandbox_settings(sandbox: Sandbox) -> Settings:
    login = f"ada:{PASSWORD.decode()}"
    return settings(
        email_url=f"smtp://{login}@127.0.0.1:{sandbox.smtp_port}?starttls=no",
        telegram_api_url=sandbox.http_url,
        vk_api_url=sandbox.http_url,
        callback_secret=SANDBOX_SECRET,
        callback_allow_networks="127.0.0.0/8",
    )


def address_at(sandbox: Sandbox, channel: str) -> str:
    """An address of the channel that the sandbox serves."""
    return sandbox_address(Channel(channel), sandbox.http_url)


@asynccontextmanager
async def lane_of(channel: Provider) -> AsyncIterator[Transmitter]:
    lane = channel.transmitter()
    try:
        yield lane
    finally:
        await lane.close()
        await lane.close()  # closing twice is allowed
        await channel.close()


SANDBOX: list[tuple[str, str, list[type[Any]]]] = [
    ("email", "ada@example.com", [Sent]),
    ("email", "bounce+1@example.com", [Rejected]),
    ("email", "grey+1@example.com", [Transient, Sent]),
    ("email", "full+1@example.com", [Transient]),
    ("email", "spam+1@example.com", [Rejected]),
    ("email", "twice+1@example.com", [Transient, Transient, Sent]),
    ("email", "dropafter+1@example.com", [Unknown, Sent]),
    ("telegram", "42", [Sent]),
    ("telegram", "-100123", [Sent]),
    ("telegram", "@news", [Sent]),
    ("telegram", "900001001", [Rejected]),
    ("telegram", "900002001", [Rejected]),
    ("telegram", "900003001", [Throttled, Sent]),
    ("telegram", "900004001", [Unknown, Unknown, Sent]),
    ("telegram", "900005001", [Unknown, Sent]),
    ("telegram", "900006001", [Unknown, Sent]),
    ("telegram", "900007001", [Moved]),
    ("vk", "123", [Sent]),
    ("vk", "900001001", [Rejected]),
    ("vk", "900002001", [Rejected]),
    ("vk", "900003001", [Throttled, Sent]),
    ("vk", "900004001", [Unknown, Unknown, Sent]),
    ("vk", "900005001", [Unknown, Sent]),
    ("vk", "900006001", [Unknown, Sent]),
    ("vk", "900007001", [Throttled]),
    ("webhook", "orders", [Sent]),
    ("webhook", "gone", [Rejected]),
    ("webhook", "moved/7?a=b", [Transient]),
    ("webhook", "missing", [Transient]),
    ("webhook", "busy/1", [Throttled, Sent]),
    ("webhook", "twice/1", [Transient, Transient, Sent]),
    ("webhook", "dropbefore/1", [Unknown, Sent]),
    ("webhook", "dropafter/1", [Unknown, Sent]),
]


@pytest.mark.parametrize(("channel", "address", "kinds"), SANDBOX)
async def test_recipient_meets_its_outcomes(
    sandbox: Sandbox, channel: str, address: str, kinds: list[type[Any]]
) -> None:
    if channel == "webhook":
        address = f"{sandbox.http_url}/webhook/{address}"
    delivery = make_delivery(channel=channel, address=address, subject="Hello", text="Привет")
    async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
        outcomes = [await lane.send(delivery) for _ in kinds]

    assert [type(outcome) for outcome in outcomes] == kinds, outcomes
    arrived = sandbox.inbox.entries(channel, address)
    assert bool(arrived) == (Sent in kinds)


@pytest.mark.parametrize("channel", [one for one in Channel if "bad_auth" in FAULTS[one]])
async def test_refused_credentials_are_misconfigured(sandbox: Sandbox, channel: Channel) -> None:
    sandbox.faults.fail_next(channel, "bad_auth")
    address = address_at(sandbox, channel)
    delivery = make_delivery(channel=channel, address=address, subject="Hello")
    async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
        outcomes = [type(await lane.send(delivery)) for _ in range(2)]

    assert outcomes == [Misconfigured, Sent]


async def test_vk_repeat_is_recognised_by_its_random_id(sandbox: Sandbox) -> None:
    delivery = make_delivery(channel="vk", address="900006002")
    async with lane_of(VkProvider(sandbox_settings(sandbox))) as lane:
        await lane.send(delivery)
        await lane.send(delivery)

    (entry,) = sandbox.inbox.entries("vk", "900006002")
    assert entry.params["random_id"] == str(random_id(delivery.id))
    assert sandbox.inbox.refused_duplicates == 1


async def test_many_lanes_send_at_once(sandbox: Sandbox) -> None:
    for channel in Channel:
        made = make_provider(channel, sandbox_settings(sandbox))
        lanes = [made.transmitter() for _ in range(8)]
        address = address_at(sandbox, channel)
        deliveries = [make_delivery(channel=channel, address=address, subject="s") for _ in lanes]
        outcomes = await asyncio.gather(
            *(lane.send(delivery) for lane, delivery in zip(lanes, deliveries, strict=True))
        )
        await asyncio.gather(*(lane.close() for lane in lanes))
        await made.close()
        assert [type(outcome) for outcome in outcomes] == [Sent] * 8, channel


async def test_closed_channels_leave_no_socket_open(sandbox: Sandbox) -> None:
    before = _open_sockets()
    for channel in Channel:
        async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
            address = address_at(sandbox, channel)
            await lane.send(make_delivery(channel=channel, address=address, subject="s"))

    await eventually(lambda: _open_sockets() <= before)


@pytest.mark.parametrize("channel", Channel)
async def test_lane_to_the_sandbox_keeps_its_connection(sandbox: Sandbox, channel: Channel) -> None:
    port = sandbox.smtp_port if channel is Channel.EMAIL else sandbox.http_port
    already = _connections_to(port)
    address = address_at(sandbox, channel)
    async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
        for _ in range(3):
            await lane.send(make_delivery(channel=channel, address=address, subject="s"))
        assert _connections_to(port) == already + 1


@pytest.mark.parametrize("channel", Channel)
async def test_send_searches_for_no_module(
    sandbox: Sandbox, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []

    class Listener:
        def find_spec(self, name: str, *_: object) -> None:
            searched.append(name)

    address = address_at(sandbox, channel)
    async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
        await lane.send(make_delivery(channel=channel, address=address, subject="s"))
        monkeypatch.setattr(sys, "meta_path", [Listener(), *sys.meta_path])
        await lane.send(make_delivery(channel=channel, address=address, subject="s"))
        monkeypatch.undo()

    assert searched == []


def telegram(server: ScriptedHttp | str, wait_s: float = 30) -> Provider:
    url = server if isinstance(server, str) else server.url
    return TelegramProvider(settings(telegram_api_url=url), wait_s, wait_s)


def vk(server: ScriptedHttp | str, wait_s: float = 30) -> Provider:
    url = server if isinstance(server, str) else server.url
    return VkProvider(settings(vk_api_url=url), wait_s, wait_s)


def telegram_refusal(code: int, description: str) -> str:
    return http(code, json.dumps({"ok": False, "error_code": code, "description": description}))


def vk_refusal(code: int, message: str) -> str:
    params = [{"key": "access_token", "value": VK_TOKEN}]
    error = {"error_code": code, "error_msg": message, "request_params": params}
    return http(200, json.dumps({"error": error}))


MESSAGE = {"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}
TELEGRAM_OK = http(200, json.dumps({"ok": True, "result": MESSAGE}))
VK_OK = http(200, '{"response": 7}')
HTML = "<html>Bad Gateway</html>"

Maker = Callable[..., Provider]
ODDITIES: list[tuple[Maker, Answer, type[Any], str]] = [
    (telegram, Deed.DROP, Unknown, "no-answer"),
    (telegram, Deed.HANG, Unknown, "no-answer"),
    (telegram, Closing("garbage\r\n\r\n"), Unknown, "no-answer"),
    (telegram, Closing(TELEGRAM_OK[:-20]), Unknown, "no-answer"),
    (telegram, http(502, HTML, "text/html"), Unknown, "502"),
    (telegram, http(200, HTML, "text/html"), Unknown, "200"),
    (telegram, http(302, HTML, "text/html"), Misconfigured, "302"),
    (telegram, telegram_refusal(401, f"Unauthorized {TOKEN}"), Misconfigured, "401"),
    (telegram, telegram_refusal(404, "Not Found"), Misconfigured, "404"),
    (vk, Deed.DROP, Unknown, "no-answer"),
    (vk, Deed.HANG, Unknown, "timeout"),
    (vk, Closing("garbage\r\n\r\n"), Unknown, "no-answer"),
    (vk, Closing(VK_OK[:-5]), Unknown, "no-answer"),
    (vk, http(502, HTML, "text/html"), Unknown, "HTTP 502"),
    (vk, http(200, HTML, "text/html"), Unknown, "garbled-answer"),
    (vk, http(200, "[]"), Unknown, "garbled-answer"),
    (vk, http(201, '{"response": 7}'), Unknown, "garbled-answer"),
    (vk, http(304, '{"response": 7}'), Unknown, "garbled-answer"),
    (vk, http(302, HTML).replace("Content-Type", "Location: /x\r\nA"), Misconfigured, "url"),
    (vk, vk_refusal(5, f"User authorization failed {VK_TOKEN}"), Misconfigured, "5"),
    (vk, vk_refusal(14, "Captcha needed"), Misconfigured, "14"),
    (vk, vk_refusal(17, "Validation required"), Misconfigured, "17"),
]


@pytest.mark.parametrize(("make", "answer", "kind", "code"), ODDITIES)
async def test_odd_answer_has_its_outcome_and_the_next_message_goes_through(
    make: Maker, answer: Answer, kind: type[Any], code: str
) -> None:
    server = ScriptedHttp(answer, TELEGRAM_OK if make is telegram else VK_OK)
    wait_s = 0.5 if answer is Deed.HANG else 30
    async with server.serving(), lane_of(make(server, wait_s)) as lane:
        outcome = await lane.send(make_delivery())
        again = await lane.send(make_delivery())

    assert (type(outcome), outcome.code) == (kind, code), outcome
    assert again == Sent("7")
    assert "s3cret" not in outcome.message


@pytest.mark.parametrize("make", [telegram, vk])
async def test_refused_connection_is_transient(make: Maker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with lane_of(make(f"http://127.0.0.1:{port}")) as lane:
        outcome = await lane.send(make_delivery())

    assert (type(outcome), outcome.code) == (Transient, "connect"), outcome


@pytest.mark.parametrize("make", [telegram, vk])
async def test_proxy_of_the_environment_is_not_asked_for_this_machine(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    server = ScriptedHttp(TELEGRAM_OK if make is telegram else VK_OK)
    async with server.serving(), lane_of(make(server)) as lane:
        assert await lane.send(make_delivery()) == Sent("7")


@pytest.mark.parametrize("make", [telegram, vk])
async def test_cancelled_call_leaves_a_lane_that_works(make: Maker) -> None:
    server = ScriptedHttp(Deed.HANG, TELEGRAM_OK if make is telegram else VK_OK)
    async with server.serving(), lane_of(make(server)) as lane:
        sending = asyncio.create_task(lane.send(make_delivery()))
        await eventually(lambda: server.heard)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await lane.send(make_delivery()) == Sent("7")


@pytest.mark.parametrize("make", [telegram, vk])
async def test_call_cancelled_at_any_step_leaves_a_lane_that_works(make: Maker) -> None:
    """The server closes after each answer, so that each call has a connection to replace."""
    server = ScriptedHttp(Closing(TELEGRAM_OK if make is telegram else VK_OK))
    async with server.serving(), lane_of(make(server)) as lane:
        for steps in range(40):
            assert await lane.send(make_delivery()) == Sent("7"), f"cancelled after {steps} steps"
            await eventually(lambda: not server.open_connections)
            sending = asyncio.create_task(lane.send(make_delivery()))
            for _ in range(steps):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])


async def test_cancelled_vk_call_ends_though_its_answer_never_would() -> None:
    server = ScriptedHttp(Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000))
    async with server.serving(), lane_of(vk(server)) as lane:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await lane.send(make_delivery())
        await eventually(lambda: not _vk_threads())


async def test_cancelled_vk_call_does_not_hold_up_the_next() -> None:
    server = ScriptedHttp(Deed.HANG, VK_OK)
    async with server.serving(), lane_of(vk(server)) as lane:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await lane.send(make_delivery())
        async with asyncio.timeout(20):  # the first would be waited for 30
            assert await lane.send(make_delivery()) == Sent("7")


@pytest.mark.parametrize(("wish", "resend"), [("resend", True), ("fail", False)])
async def test_telegram_resends_an_unknown_only_when_wished(wish: Any, resend: bool) -> None:
    server = ScriptedHttp(Deed.DROP)
    async with server.serving(), lane_of(telegram(server)) as lane:
        outcome = await lane.send(make_delivery(telegram=WireTelegram(on_unknown=wish)))

    assert isinstance(outcome, Unknown)
    assert outcome.resend is resend


async def test_vk_calls_once_for_each_answer_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = ScriptedHttp(vk_refusal(6, "Too many requests per second"))
    async with server.serving(), lane_of(vk(server)) as lane:
        outcome = await lane.send(make_delivery())

    assert isinstance(outcome, Throttled)
    assert len(server.heard) == 1
    assert "v=5.199" in server.heard[0]
    assert os.listdir(tmp_path) == []


def _vk_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("vk")]


def _open_sockets() -> int:
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


def _connections_to(port: int) -> int:
    """Established TCP connections from this machine to a port of loopback."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)

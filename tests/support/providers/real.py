"""Providers that answer by a script, and what an attempt of the real channels comes to there."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from common.envelope import Delivery
from common.settings import load_settings
from senders.email.connection import Timeouts
from senders.email.provider import EmailProvider
from senders.outcome import Reply
from senders.provider import Provider
from senders.telegram.provider import TelegramProvider
from senders.vk.provider import VkProvider
from tests.support.providers.scripted_servers import (
    Answer,
    ScriptedHttp,
    ScriptedServer,
    ScriptedSmtp,
)
from tests.support.queues import make_delivery


def channel_of(name: str, server: ScriptedServer, wait_s: float = 1.0) -> Provider:
    """The channel as it is, on a scripted server."""
    at = f"127.0.0.1:{server.port}"
    given = {
        "GATEWAY_EMAIL_URL": f"smtp://{at}?starttls=no",
        "GATEWAY_EMAIL_FROM": "gateway@example.com",
        "GATEWAY_TELEGRAM_TOKEN": "123456:s3cret",
        "GATEWAY_TELEGRAM_API_URL": f"http://{at}",
        "GATEWAY_VK_TOKEN": "vk1.a.s3cret",
        "GATEWAY_VK_API_URL": f"http://{at}",
    }
    loaded = load_settings(given)
    if name == "email":
        return EmailProvider(loaded, Timeouts(wait_s, wait_s, wait_s))
    make: Callable[..., Provider] = TelegramProvider if name == "telegram" else VkProvider
    return make(loaded, wait_s, wait_s)


def delivery_for(name: str) -> Delivery:
    """A delivery of this channel."""
    address = "ada@example.org" if name == "email" else "42"
    return make_delivery(channel=name, address=address, subject="Hello")


@asynccontextmanager
async def serving(name: str, answer: Answer, stage: str = "") -> AsyncIterator[ScriptedServer]:
    """A server that gives this answer, every time or at this stage of each session."""
    server: ScriptedSmtp | ScriptedHttp = ScriptedHttp(answer)
    if name == "email":
        server = ScriptedSmtp()
        server.say(stage, *[answer] * 20)
    async with server.serving():
        yield server


async def outcome_of(name: str, answer: Answer, stage: str = "", wait_s: float = 1.0) -> Reply:
    """What an attempt comes to when the provider answers so."""
    async with serving(name, answer, stage) as server:
        channel = channel_of(name, server, wait_s)
        lane = channel.transmitter()
        try:
            return await lane.send(delivery_for(name))
        finally:
            await lane.close()
            await channel.close()


def response(body: bytes, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """A whole HTTP response of any bytes."""
    length = str(len(body)).encode()
    return b"HTTP/1.1 %s\r\n%sContent-Length: %s\r\n\r\n%s" % (status, headers, length, body)


def refusal(**fields: object) -> bytes:
    body = {"ok": False, "error_code": 429, "description": "Too many"} | fields
    return response(json.dumps(body).encode(), b"429 Too Many Requests")


def vk_error(**fields: object) -> bytes:
    return response(json.dumps({"error": {"error_code": 901, "error_msg": "No"} | fields}).encode())

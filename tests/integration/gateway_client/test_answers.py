"""Answers that have no end, from something that is no gateway, cost a caller no more than time."""

import asyncio

import pytest

from gateway_client import AsyncGateway, Gateway, UnexpectedAnswer, Unreachable
from gateway_client.errors import GatewayError
from tests.support.polling import eventually
from tests.support.providers.scripted_servers import Endless, ScriptedHttp

_BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
DRIPPING = Endless(_BEGUN, b" ", every_s=0.05)
FLOODING = Endless(_BEGUN, b" " * 1_000_000)


@pytest.mark.parametrize("kind", [Gateway, AsyncGateway])
@pytest.mark.parametrize(
    ("answer", "timeout_s", "error"),
    [(DRIPPING, 0.5, Unreachable), (FLOODING, 60.0, UnexpectedAnswer)],
)
async def test_answer_without_an_end_is_given_up(
    kind: type[Gateway | AsyncGateway],
    answer: Endless,
    timeout_s: float,
    error: type[GatewayError],
) -> None:
    server = ScriptedHttp(answer)
    async with server.serving():
        with pytest.raises(error):
            await asyncio.wait_for(ask(kind, server.url, timeout_s), 50)
        await eventually(lambda: not server.open_connections)


async def ask(kind: type[Gateway | AsyncGateway], url: str, timeout_s: float) -> None:
    if kind is AsyncGateway:
        async with AsyncGateway(url, timeout_s=timeout_s, most_tries=1) as gateway:
            await gateway.status("a")
        return
    with Gateway(url, timeout_s=timeout_s, most_tries=1) as blocking:
        await asyncio.to_thread(blocking.status, "a")

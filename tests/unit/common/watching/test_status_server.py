"""The small HTTP server of a sender, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from common.watching import metrics
from common.watching.status_server import StatusServer
from deploy.local.node import free_port


@pytest.fixture
def state() -> dict[str, str]:
    return {"broker": "ok", "account": "ok"}


@pytest.fixture
async def client(state: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        StatusServer("127.0.0.1", 0, lambda: state) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        yield client


async def test_alive(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_says_what_is_wrong(
    client: httpx.AsyncClient, state: dict[str, str]
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    state["broker"] = "unreachable"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"broker": "unreachable", "account": "ok"})


async def test_metrics_in_the_text_format(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"] == metrics.CONTENT_TYPE
    assert "# TYPE gateway_attempts_total counter" in answer.text


async def test_anything_else_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).status_code == 404
    assert (await client.post("/metrics")).status_code == 405
    head = await client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01nonsense\r\n\r\n", b"GET /" + b"x" * 20_000])
async def test_nonsense_harms_nobody(client: httpx.AsyncClient, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(sent)
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert (await client.get("/healthz")).status_code == 200


async def test_silent_client_does_not_hold_up_the_stop(state: dict[str, str]) -> None:
    async with asyncio.timeout(2):
        async with StatusServer("127.0.0.1", 0, lambda: state) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.sleep(0)
        writer.close()


async def test_taken_port_is_logged_and_stops_nothing(state: dict[str, str]) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), capture_logs() as logs:
        async with StatusServer("127.0.0.1", port, lambda: state) as server:
            assert server.port is None
    [line] = logs
    assert (line["log_level"], line["port"]) == ("error", port)
    assert "GATEWAY_METRICS_PORT" in line["remedy"]


async def test_without_a_port_nothing_is_served(state: dict[str, str]) -> None:
    async with StatusServer("127.0.0.1", None, lambda: state) as server:
        assert server.port is None

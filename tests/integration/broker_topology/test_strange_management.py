"""A management API that answers as no RabbitMQ does: the queues are told by AMQP, and why."""

import asyncio
import json
import time

import pytest

from broker_topology import management
from broker_topology.connect import cluster_name, connected
from broker_topology.health.queues import read_numbers
from tests.support.providers.scripted_servers import Answer, Deed, Endless, ScriptedHttp, http

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + "Transfer-Encoding: chunked\r\n\r\n"
NODES = http(200, '[{"name": "one", "running": true}]')


def dated(date: str) -> str:
    return http(200, "{}").replace("\r\n\r\n", f"\r\nDate: {date}\r\n\r\n")


@pytest.mark.parametrize(
    "answers",
    [
        ["\x00\x01 no HTTP\r\n\r\n"],
        [http(200, "")],
        [http(200, "[]")],
        [http(200, "[" * 100_000)],
        [http(200, '{"cluster_name": "another"}')],
        [http(200, '{"cluster_name": 1e999}')],
        [http(302, "").replace("\r\n\r\n", "\r\nLocation: /\r\n\r\n")],
        [http(500, "\ufffd")],
        [HEAD + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone"],
        [Deed.DROP],
        [Endless(CHUNKED.encode(), b"1\r\n[\r\n", 0.1)],
        [Endless(CHUNKED.encode(), b"4000\r\n" + b" " * 0x4000 + b"\r\n")],
        ["cluster", dated("Fri, 31 Dec 9999 23:59:59 -1200"), http(200, "{}")],
        ["cluster", dated("now"), http(200, '[{"name": 7, "running": "perhaps"}]')],
        ["cluster", dated("Mon, 01 Jan 0001 00:00:00 +1400"), NODES, http(200, '[{"name": []}]')],
        ["cluster", http(200, ""), NODES, http(200, "[]"), http(200, '[{"messages_ready": -1}]')],
    ],
    ids=str,
)
async def test_strange_answers_leave_what_amqp_tells(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch, answers: list[Answer]
) -> None:
    monkeypatch.setattr(management, "ANSWER_S", 1.0)
    monkeypatch.setattr(management, "MOST_ANSWER_BYTES", 1_000_000)
    with connected(gateway_url) as connection:
        cluster = http(200, json.dumps({"cluster_name": cluster_name(connection)}))
    server = ScriptedHttp(*(cluster if one == "cluster" else one for one in answers))
    async with server.serving():
        began = time.monotonic()
        url = server.url.replace("://", "://gateway:gateway@")
        found = await asyncio.to_thread(read_numbers, gateway_url, url)
    assert time.monotonic() - began < 20
    assert "telegram.normal" in found.queues
    assert found.fault is not None
    assert f"127.0.0.1:{server.port}" in found.fault
    assert "gateway:gateway" not in found.fault

"""The API as a process, over real sockets, against a real broker."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pika

from broker_topology.apply import apply
from common.broker.consumer import clean_headers
from common.channels import Channel
from common.envelope import Delivery
from common.errors import SETTINGS_EXIT_CODE
from deploy.local.node import Node
from tests.support.polling import eventually
from tests.support.processes.forked import has_forks
from tests.support.processes.quick import QuickProcess
from tests.support.processes.running import READY_S
from tests.support.queues import amqp_channel, count, take

HERE = Path(__file__).parent  # a working directory without anybody's .env
NOTIFICATION = {"to": "email:ada@example.com", "subject": "Hello", "text": "world"}
PATH = "/v1/notifications"


async def start(amqp_url: str, **settings: str) -> Process:
    """`python -m gateway_api` on a free port of loopback."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway_api"),
        cwd=HERE,
        env=environment(amqp_url, settings),
        stderr=PIPE,
        stdout=PIPE,
    )


async def quick_start(amqp_url: str, **settings: str) -> Process | QuickProcess:
    """The same without the time to load its code, for tests that are not about its start."""
    if not has_forks():
        return await start(amqp_url, **settings)
    return await QuickProcess.started("gateway_api", HERE, environment(amqp_url, settings))


def environment(amqp_url: str, settings: dict[str, str]) -> dict[str, str]:
    """What the API is started with."""
    known = {"GATEWAY_AMQP_URL": amqp_url, "GATEWAY_API_PORT": "0", "GATEWAY_LOG_FORMAT": "json"}
    return os.environ | known | settings


async def port_of(process: Process | QuickProcess) -> int:
    """The port that the process says it listens on."""
    assert process.stderr is not None
    async with asyncio.timeout(READY_S):
        async for line in process.stderr:
            if found := re.search(rb'"port": (\d+).*"api listening"', line):
                return int(found[1])
    raise AssertionError("the API never listened")


async def finish(process: Process | QuickProcess) -> tuple[int, str]:
    """Exit code, and what is left on stderr."""
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


@asynccontextmanager
async def api(amqp_url: str, **settings: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API process; afterwards the process must stop by SIGTERM with exit code 0."""
    process = await quick_start(amqp_url, **settings)
    try:
        base_url = f"http://127.0.0.1:{await port_of(process)}"
        async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
            yield client
        process.terminate()
        code, errors = await finish(process)
        assert (code, "Traceback" in errors) == (0, False), errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(client: httpx.AsyncClient) -> None:
    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await eventually(is_ready)


def taken(url: str, queue: str) -> tuple[Any, Delivery]:
    """Properties and delivery of the one message in a queue."""
    with amqp_channel(url) as channel:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        assert method is not None, f"{queue} is empty"
        return properties, Delivery.decode(body)


async def test_accepted_notification_is_a_persistent_message_in_its_queue(
    gateway_url: str,
) -> None:
    async with api(gateway_url) as client:
        await until_ready(client)
        answer = await client.post(PATH, json=NOTIFICATION | {"to": "email:Ada@EXAMPLE.com"})

    assert answer.status_code == 202
    properties, delivery = taken(gateway_url, "email.normal")
    assert properties.delivery_mode == pika.DeliveryMode.Persistent.value
    assert properties.message_id == delivery.id == answer.json()["deliveries"][0]["id"]
    assert clean_headers(properties.headers or {}) == {}
    assert (delivery.channel, delivery.address) == (Channel.EMAIL, "Ada@example.com")
    assert (delivery.subject, delivery.text) == ("Hello", "world")
    assert (delivery.expires_at - delivery.accepted_at).total_seconds() == 86_400


async def test_each_recipient_goes_to_the_queue_of_its_channel_and_priority(
    gateway_url: str,
) -> None:
    recipients = ["telegram:1", "vk:1", "email:a@example.com", "telegram:2"]

    async with api(gateway_url) as client:
        await until_ready(client)
        content = NOTIFICATION | {"to": recipients, "priority": "bulk"}
        answer = await client.post(PATH, json=content)

    assert answer.status_code == 202
    assert [one["to"] for one in answer.json()["deliveries"]] == recipients
    queues = ("telegram.bulk", "vk.bulk", "email.bulk", "email.normal")
    assert [count(gateway_url, queue) for queue in queues] == [2, 1, 1, 0]


async def test_incomplete_topology_is_refused_until_it_is_applied(vhost_url: str) -> None:
    async with api(vhost_url) as client:

        async def is_known() -> bool:
            return (await client.get("/readyz")).json()["topology"] not in ("unknown", "ok")

        await eventually(is_known)
        refused = await client.post(PATH, json=NOTIFICATION)
        apply(vhost_url)
        await until_ready(client)
        accepted = await client.post(PATH, json=NOTIFICATION)

    assert (refused.status_code, refused.json()["code"]) == (503, "topology_incomplete")
    assert {"notifications", "email.normal"} <= set(refused.json()["missing"])
    assert refused.headers["Retry-After"] == "5"
    assert accepted.status_code == 202


async def test_queue_that_vanished_is_refused_although_the_journal_takes_a_copy(
    gateway_url: str,
) -> None:
    """No publish tells it, so the API looks every second; till then the journal's copy is kept."""
    async with api(gateway_url) as client:
        await until_ready(client)
        with amqp_channel(gateway_url) as channel:
            channel.queue_delete("email.normal")
        answers = []

        async def is_refused() -> bool:
            answers.append(await client.post(PATH, json=NOTIFICATION))
            return answers[-1].status_code == 503

        await eventually(is_refused)

    assert answers[-1].json()["code"] == "topology_incomplete"
    assert answers[-1].json()["missing"] == ["email.normal"]
    accepted = len(answers) - 1
    copies = [body for _, body in take(gateway_url, "journal") if b"ada@" in body]
    assert len(copies) == accepted


async def test_publish_that_no_queue_takes_is_refused_by_the_broker(gateway_url: str) -> None:
    """Without the journal's queue too, the broker itself returns what it cannot route."""
    async with api(gateway_url) as client:
        await until_ready(client)
        with amqp_channel(gateway_url) as channel:
            channel.queue_delete("journal")
            channel.queue_delete("email.normal")
        answer = await client.post(PATH, json=NOTIFICATION)

    assert answer.status_code == 503
    assert answer.json()["code"] in ("topology_broken", "topology_incomplete")
    assert count(gateway_url, "telegram.normal") == 0


async def test_part_that_was_confirmed_is_told(gateway_url: str) -> None:
    async with api(gateway_url) as client:
        await until_ready(client)
        with amqp_channel(gateway_url) as channel:
            channel.queue_delete("journal")
            channel.queue_delete("vk.normal")
        answer = await client.post(PATH, json=NOTIFICATION | {"to": ["vk:1", "telegram:1"]})

    document = answer.json()
    assert (answer.status_code, document["code"]) == (503, "partly_accepted")
    assert [one["to"] for one in document["accepted"]] == ["telegram:1"]
    assert [(one["to"], one["unknown"]) for one in document["not_accepted"]] == [("vk:1", False)]
    assert taken(gateway_url, "telegram.normal")[1].id == document["accepted"][0]["id"]


async def test_broker_outage_is_refused_and_mends_without_a_restart(
    gateway_url: str, broker: Node
) -> None:
    async with api(gateway_url) as client:
        await until_ready(client)
        await asyncio.to_thread(broker.stop)
        try:
            async with asyncio.timeout(10):
                refused = await client.post(PATH, json=NOTIFICATION)
        finally:
            await asyncio.to_thread(broker.start)

        async def is_accepted() -> bool:
            return (await client.post(PATH, json=NOTIFICATION)).status_code == 202

        await eventually(is_accepted)

    assert (refused.status_code, refused.json()["code"]) == (503, "broker_unreachable")


async def test_blocked_broker_is_refused_in_time_and_mends(gateway_url: str, broker: Node) -> None:
    async with api(gateway_url, GATEWAY_PUBLISH_TIMEOUT_S="1") as client:
        await until_ready(client)
        await asyncio.to_thread(broker.set_memory_alarm, True)
        try:
            async with asyncio.timeout(15):  # not a second for each
                refused = [await client.post(PATH, json=NOTIFICATION) for _ in range(30)]
        finally:
            await asyncio.to_thread(broker.set_memory_alarm, False)

        async def is_accepted() -> bool:
            return (await client.post(PATH, json=NOTIFICATION)).status_code == 202

        await eventually(is_accepted)

    codes = {(answer.status_code, answer.json()["code"]) for answer in refused}
    assert codes == {(503, "broker_blocked")}
    # The first was written before the alarm was known of; the broker takes it when it ends.
    assert refused[0].json()["not_accepted"][0]["unknown"]
    assert not any("not_accepted" in answer.json() for answer in refused[1:])
    assert "nothing of this was written" in refused[1].json()["detail"]
    queue = "email.normal"
    assert await asyncio.to_thread(count, gateway_url, queue) == 2, "that one and the last"


async def test_start_needs_no_broker() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        url = f"amqp://guest:guest@127.0.0.1:{placeholder.getsockname()[1]}/"

        async with api(url) as client:
            alive = await client.get("/healthz")
            ready = await client.get("/readyz")
            refused = await client.post(PATH, json=NOTIFICATION)

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert (refused.status_code, refused.json()["code"]) == (503, "broker_unreachable")


async def test_body_beyond_the_limit_is_answered_over_a_real_socket(gateway_url: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    async with api(gateway_url) as client:
        declared = await client.post(PATH, content=b" " * 4_000_000, headers=headers)
        chunked = await client.post(PATH, content=chunks(), headers=headers)
        after = await client.get("/healthz")

    assert (declared.status_code, chunked.status_code, after.status_code) == (413, 413, 200)


async def test_wrong_key_is_refused(gateway_url: str) -> None:
    key = "a-key-of-16-characters"

    async with api(gateway_url, GATEWAY_API_KEY=key) as client:
        await until_ready(client)
        without = await client.post(PATH, json=NOTIFICATION)
        wrong = await client.post(PATH, json=NOTIFICATION, headers={"Authorization": "Bearer x"})
        right = await client.post(
            PATH, json=NOTIFICATION, headers={"Authorization": f"Bearer {key}"}
        )

    assert [one.status_code for one in (without, wrong, right)] == [401, 401, 202]


async def test_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken_port:
        port = taken_port.getsockname()[1]
        code, errors = await finish(await start("amqp://127.0.0.1:1/", GATEWAY_API_PORT=str(port)))

    assert code == 1
    assert errors.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is taken" in errors


async def test_exposure_without_a_key_is_one_sentence() -> None:
    code, errors = await finish(await start("amqp://127.0.0.1:1/", GATEWAY_API_HOST="0.0.0.0"))

    assert code == SETTINGS_EXIT_CODE
    assert errors.count("\n") == 1
    assert "GATEWAY_API_HOST is 0.0.0.0 but there is no GATEWAY_API_KEY" in errors


async def test_request_in_hand_is_answered_during_a_stop(gateway_url: str) -> None:
    process = await start(gateway_url)
    try:
        port = await port_of(process)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"to": "vk:1", "text": "x"}'
        writer.write(
            b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body[:5])
        )
        async with asyncio.timeout(60):
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                await until_ready(client)
            process.send_signal(signal.SIGTERM)
            await eventually(lambda: is_refused(port))
            writer.write(body[5:])
            answer = await reader.read()
        writer.close()
        code, _ = await finish(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert answer.startswith(b"HTTP/1.1 202")
    assert code == 0
    assert count(gateway_url, "vk.normal") == 1


def is_refused(port: int) -> bool:
    """Whether nobody listens on the port any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0

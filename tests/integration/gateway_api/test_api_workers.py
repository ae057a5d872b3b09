"""The API as several processes on one port: replaced when they die, stopped and counted as one."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.envelope import Delivery
from common.errors import SETTINGS_EXIT_CODE, GatewayError
from common.settings import Settings
from gateway_api.workers import serve_with_workers
from tests.integration.gateway_api.test_api import (
    HERE,
    NOTIFICATION,
    PATH,
    finish,
    is_refused,
    port_of,
)
from tests.support.polling import eventually
from tests.support.queues import take

NOWHERE = "amqp://a:b@127.0.0.1:1/"


async def start(amqp_url: str, *words: str, **settings: str) -> Process:
    """`python -m gateway_api`, or `gateway` with these words, in a process group of its own."""
    ours = {
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_API_PORT": "0",
        "GATEWAY_API_WORKERS": "2",
        "GATEWAY_LOG_FORMAT": "json",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", *(["admin", *words] if words else ["gateway_api"])),
        cwd=HERE,
        env=os.environ | ours | settings,
        stderr=PIPE,
        stdout=PIPE,
        start_new_session=True,
    )


def workers_of(parent: int) -> list[int]:
    """The processes that this one has started."""
    return [
        int(number) for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    ]


def is_running(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@asynccontextmanager
async def killed_afterwards(process: Process) -> AsyncIterator[Process]:
    """Leave nothing of its process group behind."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def ask(port: int, path: str) -> httpx.Response:
    """An answer over a connection of its own: of whichever worker it comes to."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        return await client.get(path)


async def until_all_ready(port: int) -> None:
    """Many answers in a row that are well; a worker that is not yet would get some of them."""

    async def are_ready() -> bool:
        return all([(await ask(port, "/readyz")).is_success for _ in range(16)])

    await eventually(are_ready)


@dataclass
class Load:
    """Clients that POST without a pause until the block is left."""

    port: int
    clients: int = 16
    accepted: set[str] = field(default_factory=set)
    other: list[object] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._post()) for _ in range(self.clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def some_more(self, count: int = 200) -> None:
        """Wait until so many more are accepted."""
        before = len(self.accepted)
        await eventually(lambda: len(self.accepted) >= before + count)

    async def _post(self) -> None:
        while True:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{self.port}", timeout=30
            ) as client:
                try:
                    while True:
                        self._note(await client.post(PATH, json=NOTIFICATION))
                except httpx.ConnectError as error:
                    self.other.append(error)
                    return  # who goes on asking a port that is free may get it himself
                except httpx.TransportError as error:
                    self.other.append(error)
                    await asyncio.sleep(0.05)

    def _note(self, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.accepted.add(answer.json()["deliveries"][0]["id"])
        else:
            self.other.append(answer.json()["code"])


def queued(amqp_url: str) -> set[str]:
    return {Delivery.decode(body).id for _, body in take(amqp_url, "email.normal")}


async def test_worker_that_is_killed_under_load_loses_nothing_and_is_replaced(
    gateway_url: str,
) -> None:
    async with killed_afterwards(await start(gateway_url)) as process:
        port = await port_of(process)
        await until_all_ready(port)
        before = workers_of(process.pid)
        async with Load(port) as load:
            await load.some_more()
            os.kill(before[0], signal.SIGKILL)
            await load.some_more()
            await eventually(lambda: len(workers_of(process.pid)) == 2)
            await until_all_ready(port)
            await load.some_more()
        process.terminate()
        code, errors = await finish(process)
        found = await asyncio.to_thread(queued, gateway_url)

    assert len(before) == 2
    assert load.accepted <= found
    # Each client had one request in hand; one more may meet a worker that has just begun.
    kinds = {type(one) for one in load.other if not isinstance(one, str)}
    assert kinds <= {httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError}, load.other
    assert {one for one in load.other if isinstance(one, str)} <= {"broker_unreachable"}
    assert (code, errors.count("a worker has died")) == (0, 1), errors


async def test_sigterm_under_load_loses_nothing_and_leaves_nobody(
    gateway_url: str, tmp_path: Path
) -> None:
    async with killed_afterwards(await start(gateway_url, TMPDIR=str(tmp_path))) as process:
        port = await port_of(process)
        await until_all_ready(port)
        pids = workers_of(process.pid)
        async with Load(port) as load:
            await load.some_more()
            process.terminate()
            code, errors = await finish(process)
        found = await asyncio.to_thread(queued, gateway_url)

    assert load.accepted <= found
    assert not [one for one in load.other if isinstance(one, str)], load.other
    assert (code, "Traceback" in errors) == (0, False), errors
    assert errors.count("worker stopped") == 2
    assert os.listdir(tmp_path) == []
    assert not any(map(is_running, pids))
    assert is_refused(port)


async def test_ctrl_c_ends_all_of_them_in_order(gateway_url: str) -> None:
    """A terminal sends it to the whole process group."""
    async with killed_afterwards(await start(gateway_url, "api", "--workers", "3")) as process:
        await until_all_ready(await port_of(process))
        pids = workers_of(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        code, errors = await finish(process)

    assert len(pids) == 3
    assert (code, "Traceback" in errors) == (0, False), errors
    assert "did not stop in order" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stop_during_the_start_is_a_stop(number: signal.Signals) -> None:
    async with killed_afterwards(await start(NOWHERE)) as process:
        await port_of(process)
        os.killpg(process.pid, number)
        code, errors = await finish(process)

    assert (code, "Traceback" in errors) == (0, False), errors


async def test_stop_during_the_start_waits_for_who_was_started(tmp_path: Path) -> None:
    began = tmp_path / "began"
    (tmp_path / "uvicorn.py").write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(began)!r}).touch()\n"
        "time.sleep(2)\n"
        "sys.exit(0)\n"
    )
    async with killed_afterwards(await start(NOWHERE, PYTHONPATH=str(tmp_path))) as process:
        await eventually(began.exists)
        [pid] = workers_of(process.pid)
        process.terminate()
        code, errors = await finish(process)
        assert not is_running(pid)

    assert (code, "Traceback" in errors) == (0, False), errors


async def test_request_in_hand_is_answered_during_a_stop(gateway_url: str) -> None:
    body = b'{"to": "vk:1", "text": "x"}'
    async with killed_afterwards(await start(gateway_url)) as process:
        port = await port_of(process)
        await until_all_ready(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body[:5])
        )
        assert (await ask(port, "/healthz")).is_success
        process.terminate()
        await eventually(lambda: is_refused(port))
        writer.write(body[5:])
        answer = await reader.read()
        writer.close()
        code, errors = await finish(process)

    assert answer.startswith(b"HTTP/1.1 202")
    assert code == 0, errors


async def test_workers_without_a_parent_end_and_free_the_port(
    gateway_url: str, tmp_path: Path
) -> None:
    async with killed_afterwards(await start(gateway_url, TMPDIR=str(tmp_path))) as process:
        port = await port_of(process)
        await until_all_ready(port)
        pids = workers_of(process.pid)
        process.kill()
        await process.wait()
        await eventually(lambda: not any(map(is_running, pids)))
        assert is_refused(port)


async def test_metrics_are_those_of_all_and_outlive_a_worker(gateway_url: str) -> None:
    def value(page: str, name: str) -> float:
        samples = [one for f in text_string_to_metric_families(page) for one in f.samples]
        return sum(one.value for one in samples if one.name == name)

    async def scraped(port: int) -> set[tuple[float, float]]:
        pages = [(await ask(port, "/metrics")).text for _ in range(8)]
        names = ("gateway_notifications_accepted_total", "gateway_broker_connected")
        return {(value(page, names[0]), value(page, names[1])) for page in pages}

    async with killed_afterwards(await start(gateway_url)) as process:
        port = await port_of(process)
        await until_all_ready(port)
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for _ in range(20):
                headers = {"Connection": "close"}
                (await client.post(PATH, json=NOTIFICATION, headers=headers)).raise_for_status()
        await eventually(lambda: _is(scraped(port), {(20, 1)}))
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        await eventually(lambda: len(workers_of(process.pid)) == 2)
        await until_all_ready(port)
        await eventually(lambda: _is(scraped(port), {(20, 1)}))


async def _is(coming: Any, wanted: object) -> bool:
    return bool(await coming == wanted)


async def test_port_that_is_taken_is_one_sentence_and_not_shared() -> None:
    async with killed_afterwards(await start(NOWHERE)) as first:
        port = await port_of(first)
        async with killed_afterwards(await start(NOWHERE, GATEWAY_API_PORT=str(port))) as second:
            code, errors = await finish(second)

    assert (code, errors.count("\n")) == (1, 1), errors
    assert f"port {port} on 127.0.0.1 is taken" in errors


async def test_setting_that_prevents_the_start_is_said_once() -> None:
    async with killed_afterwards(await start(NOWHERE, GATEWAY_API_HOST="0.0.0.0")) as process:
        code, errors = await finish(process)

    assert (code, errors.count("\n")) == (SETTINGS_EXIT_CODE, 1), errors


def test_directory_for_metrics_that_cannot_be_made_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "/tmp/gateway-api-1")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(GatewayError, match="Permission denied: '/tmp/gateway-api-1'; let TMPDIR"):
        serve_with_workers(Settings(api_port=0), 2)


def test_machine_without_room_for_a_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(GatewayError, match="cannot be started: Resource temporarily unavailable"):
        serve_with_workers(Settings(api_port=0), 2)


async def test_worker_that_cannot_start_ends_all_and_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text('raise ImportError("only the worker needs it")\n')
    async with killed_afterwards(await start(NOWHERE, PYTHONPATH=str(tmp_path))) as process:
        code, errors = await finish(process)

    assert (code, errors.count("Traceback")) == (1, 1), errors


async def test_every_address_of_a_name_is_served() -> None:
    found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    async with killed_afterwards(await start(NOWHERE, GATEWAY_API_HOST="localhost")) as process:
        port = await port_of(process)
        for address in {str(one[4][0]) for one in found}:
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection(address, port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()

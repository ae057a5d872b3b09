"""The API as a process with more connections than it may have, or than others would leave it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.http.connections import raise_descriptor_limit
from tests.support.clients.raw_http import Client
from tests.support.polling import until

HERE = Path(__file__).parent  # a working directory without anybody's .env
HALF = b"POST /v1/notifications HTTP/1.1\r\nHost: loc"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Api:
    """A running API: its port and its process."""

    port: int
    pid: int

    @property
    def memory_mb(self) -> float:
        """What it has in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def is_alive(self, source: str = "127.0.0.1") -> bool:
        """Whether a well-behaved client of this address is answered."""
        with Client(self.port, timeout_s=10, source=source) as client:
            return client.send(GET).read_answer().status == 200


@contextmanager
def api(soft: int, hard: int, **settings: str) -> Iterator[Api]:
    """`python -m gateway_api` under limits on open files, without a broker."""
    command = f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" -m gateway_api'
    environment = {"GATEWAY_API_PORT": "0", "GATEWAY_LOG_FORMAT": "json"}
    process = subprocess.Popen(
        ["sh", "-c", command, sys.executable],
        cwd=HERE,
        env=os.environ | environment | {"GATEWAY_AMQP_URL": "amqp://a:b@127.0.0.1:1/"} | settings,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(rb'"port": (\d+).*"api listening"', line):
                yield Api(int(found[1]), process.pid)
                break
        else:
            raise AssertionError("the API never listened")
    finally:
        process.kill()
        process.communicate()


def test_headers_without_end_take_no_memory() -> None:
    with api(1024, 1024) as api_, Client(api_.port) as client:
        before_mb = api_.memory_mb
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", *[b"x" * 1_000_000] * 100)
        assert api_.memory_mb < before_mb + 10
        assert api_.is_alive()


def test_half_sent_requests_keep_nobody_else_out() -> None:
    with api(256, 512) as api_, ExitStack() as crowd:
        for _ in range(600):
            crowd.enter_context(Client(api_.port)).send(HALF)
        began = time.monotonic()
        assert api_.is_alive(source="127.0.0.2")
        assert time.monotonic() - began < 5


def test_half_sent_requests_keep_their_own_address_out_only_as_long_as_a_head_may_take() -> None:
    with api(256, 512, GATEWAY_API_HEADER_TIMEOUT_S="1") as api_, ExitStack() as crowd:
        for _ in range(600):
            crowd.enter_context(Client(api_.port)).send(HALF)

        def is_served() -> bool:
            try:
                return api_.is_alive()
            except (AssertionError, OSError):
                return False

        until(is_served)


def test_idle_connections_leave_others_served_and_memory_flat() -> None:
    count = min(5000, raise_descriptor_limit() - 500)
    with api(1024, 12_000) as api_, ExitStack() as crowd:
        before_mb = api_.memory_mb
        for number in range(count):
            crowd.enter_context(Client(api_.port, source=f"127.0.0.{2 + number % 5}"))
        assert api_.is_alive()
        assert api_.memory_mb < before_mb + 60


def test_what_is_not_answered_at_the_stop_gets_a_problem_document() -> None:
    half = HALF + b"alhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with api(256, 512, GATEWAY_STOP_TIMEOUT_S="1") as api_, Client(api_.port) as client:
        client.send(half)
        assert api_.is_alive(), "which shows that the other was read too"
        os.kill(api_.pid, signal.SIGTERM)
        answer = client.read_answer()
    assert (answer.status, answer.code) == (503, "stopping")
    assert answer.headers["retry-after"] == "5"

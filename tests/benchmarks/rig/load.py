"""Load on an API: wrk where it is installed, else a client of our own that costs more."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx

from tests.benchmarks.reports.figures import percentile
from tests.benchmarks.rig.bench import BenchError

CONNECTIONS = 32
PATH = "/v1/notifications"
_REFUSALS = ("gateway_publish_failures_total", "gateway_requests_refused_total")


def body_to(recipient: str) -> str:
    """A POST's body."""
    fields = {"to": [recipient], "subject": "Order shipped", "text": "On its way."}
    return json.dumps(fields)


BODY = body_to("email:ada@example.com")
Headers = Mapping[str, str]
NO_HEADERS: Final[Headers] = {}
NUMBER: Final = "another-in-each"
"""A header of this value has a number of its own in each request."""

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[%s]]
%s
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n{"requests": %%d, "took_us": %%d, "p50_us": %%d, "p99_us": %%d, ' ..
    '"refused": %%d, "broken": %%d}\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an API answered with 2xx."""

    requests: int
    took_s: float
    p50_ms: float
    p99_ms: float


def has_wrk() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def post_for(
    seconds: float, port: int, directory: Path, body: str = BODY, headers: Headers = NO_HEADERS
) -> Answered:
    """POST one email over kept connections. Raises BenchError at any answer but 2xx."""
    if has_wrk():
        return _wrk(seconds, port, directory, body, headers)
    return asyncio.run(post_with_own_client(seconds, port, body, headers))


def _wrk(seconds: float, port: int, directory: Path, body: str, headers: Headers) -> Answered:
    script = directory / "post.lua"
    script.write_text(_SCRIPT % (body, _in_lua(headers)))
    # wrk knows whole seconds only.
    words = [
        "-t1",
        "--timeout",
        "10s",
        f"-c{CONNECTIONS}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        str(script),
    ]
    done = subprocess.run(
        ["wrk", "--timeout", "10s", *words, f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 30,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise BenchError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    said = json.loads(lines[-1])
    if said["refused"] or said["broken"] or not said["requests"]:
        raise BenchError(
            f"of {said['requests']} requests {said['refused']} were refused and "
            f"{said['broken']} broken{_why(port)}"
        )
    return Answered(
        said["requests"], said["took_us"] / 1e6, said["p50_us"] / 1e3, said["p99_us"] / 1e3
    )


def _in_lua(headers: Headers) -> str:
    """The statements that send these headers."""
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    own = [name for name, value in headers.items() if value == NUMBER]
    if own:
        numbers = [f'wrk.headers["{name}"] = "{uuid4().hex}" .. number' for name in own]
        lines += ["local number = 0", "request = function()", "  number = number + 1"]
        lines += [*numbers, "  return wrk.format()", "end"]
    return "\n".join(lines)


def _why(port: int) -> str:
    """What an API of ours has counted of its refusals; others tell nothing."""
    with contextlib.suppress(httpx.HTTPError):
        told = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
        counted = [
            line for line in told if line.startswith(_REFUSALS) and not line.endswith(" 0.0")
        ]
        return f": {', '.join(counted)}" if counted else ""
    return ""


def request_bytes(body: bytes, headers: Headers = NO_HEADERS) -> bytes:
    """One POST as it goes over the wire."""
    own = [
        f"{name}: {uuid4().hex if value == NUMBER else value}\r\n"
        for name, value in headers.items()
    ]
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"{''.join(own)}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Send one request and read its whole answer. Raises BenchError unless it is 2xx."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 2"):
        raise BenchError(f"the API answered {head[:60]!r}")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)


async def post_with_own_client(
    seconds: float, port: int, body: str, headers: Headers = NO_HEADERS
) -> Answered:
    """What wrk does, at more of the machine's cost. Raises BenchError."""
    ends_at = time.perf_counter() + seconds
    took: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < ends_at:
            await post(reader, writer, request_bytes(body.encode(), headers))
            took.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    took_s = time.perf_counter() - began
    took.sort()
    return Answered(len(took), took_s, percentile(took, 50) * 1e3, percentile(took, 99) * 1e3)

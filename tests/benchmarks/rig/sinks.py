"""Providers that take everything at once: `python -m tests.benchmarks.rig.sinks smtp|http PORT`.

They cost as little as Python allows, so that what is measured is whoever sends to them.
"""

import asyncio
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

from tests.benchmarks.rig.bench import OURS, Bench

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RECIPIENT = re.compile(r"(?i)RCPT TO:<([^>]*)>")
_BOT_ANSWER = (
    b'{"ok":true,"result":{"message_id":1,"date":0,"chat":{"id":42,"type":"private"},"text":"a"}}'
)
_VK_ANSWER = b'{"response":1}'
_SMTP_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class SmtpSink(asyncio.Protocol):
    """Accepts every mail; `taken` is told its recipient when it has been accepted."""

    def __init__(self, taken: Callable[[str], None] = lambda recipient: None) -> None:
        self._taken = taken
        self._buffer = b""
        self._is_in_data = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take_mail() if self._is_in_data else self._take_line():
            pass

    def _take_mail(self) -> bool:
        _, end, rest = self._buffer.partition(b"\r\n.\r\n")
        if not end:
            return False
        self._buffer, self._is_in_data = rest, False
        self._taken(self._recipient)
        self._transport.write(b"250 taken\r\n")
        return True

    def _take_line(self) -> bool:
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        self._buffer = rest
        verb = line[:4].upper()
        if verb == b"RCPT" and (match := _RECIPIENT.match(line.decode(errors="replace"))):
            self._recipient = match[1]
        self._is_in_data = verb == b"DATA"
        self._transport.write(_SMTP_ANSWERS.get(verb, b"250 ok\r\n"))
        if verb == b"QUIT":
            self._transport.close()
        return True


class HttpSink(asyncio.Protocol):
    """Answers every call as the Bot API or, on other paths, the VK API answers a message."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[: end + 2]
            length = int(match[1]) if (match := _LENGTH.search(head)) else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            answer = _BOT_ANSWER if b" /bot" in head[:10] else _VK_ANSWER
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer)
            )


def find_smtp_sink() -> str | None:
    """Postfix's smtp-sink, which is written in C, where it is installed."""
    return shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def run_smtp_sink(bench: Bench, port: int) -> Iterator[str]:
    """Postfix's smtp-sink or ours on a port of 127.0.0.1; yields its name."""
    postfix = find_smtp_sink()
    ours = [*OURS, "tests.benchmarks.rig.sinks", "smtp", str(port)]
    as_nobody = ["-u", "nobody"] if os.getuid() == 0 else []  # it refuses to run as root
    command = [postfix, *as_nobody, f"127.0.0.1:{port}", "100"] if postfix else ours
    with bench.running("SMTP sink", command, port=port):
        yield "postfix's smtp-sink" if postfix else "an SMTP sink in Python"


@contextmanager
def serving(make: Callable[[], asyncio.Protocol], port: int) -> Iterator[None]:
    """Serve on a port of 127.0.0.1 in a thread of this process."""
    loop = uvloop.new_event_loop()
    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, name="sink")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


async def serve(kind: str, port: int) -> None:
    """Answer until the process ends."""
    make: Callable[[], asyncio.Protocol] = {"smtp": SmtpSink, "http": HttpSink}[kind]
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))

"""SMTP and HTTP servers that answer by a script, for what no well-behaved server would do."""

import asyncio
import contextlib
import ssl
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NoReturn


class Deed(Enum):
    """What a server may do instead of answering."""

    DROP = auto()  # reset the connection
    HANG = auto()  # say nothing until the client leaves


@dataclass(frozen=True)
class Closing:
    """An answer after which the server closes the connection."""

    reply: str | bytes


@dataclass(frozen=True)
class Endless:
    """An answer that begins so and goes on with the same piece until the client leaves."""

    beginning: bytes
    piece: bytes
    every_s: float = 0.0


Answer = str | bytes | Closing | Endless | Deed


class ScriptedServer(ABC):
    """Counts connections and keeps what clients said; subclasses speak a protocol."""

    end = b""  # after each answer

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.heard: list[str] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Listen on a free port of loopback; tls encrypts from the start."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    @property
    def open_connections(self) -> int:
        """How many connections clients keep open."""
        return len(self._writers)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.create_task(self._converse_and_close(reader, writer))
        self._tasks.add(task)

    async def _converse_and_close(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            await self.converse(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    @abstractmethod
    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; returning closes it."""

    async def act(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Do what an answer says; returns whether the connection goes on."""
        if answer is Deed.DROP:
            return False
        if isinstance(answer, Deed):
            await reader.read()
            return False
        if isinstance(answer, Endless):
            await self._go_on(answer, writer)
        said = answer.reply if isinstance(answer, Closing) else answer
        writer.write((said.encode() if isinstance(said, str) else said) + self.end)
        await writer.drain()
        return isinstance(answer, str | bytes)

    async def _go_on(self, answer: Endless, writer: asyncio.StreamWriter) -> NoReturn:
        writer.write(answer.beginning)
        while True:  # ends with the connection, which raises
            writer.write(answer.piece)
            await writer.drain()
            # At 0 too: a client that reads fast would leave nobody else a turn.
            await asyncio.sleep(answer.every_s)


SMTP_REPLIES = {
    "greeting": "220 script ESMTP",
    "EHLO": "250-script\r\n250-SIZE 1000000\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS",
    "AUTH": "235 2.7.0 Accepted",
    "STARTTLS": "220 2.0.0 Ready",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 Go on",
    "DATA too early": "503 5.5.1 No recipient was taken",
    ".": "250 2.0.0 Queued as 1",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}


class ScriptedSmtp(ScriptedServer):
    """A mail server; `say` puts answers before the usual ones of a command, `.` ends a mail."""

    end = b"\r\n"

    def __init__(
        self, starttls: ssl.SSLContext | None = None, *, is_pipelining: bool = False
    ) -> None:
        super().__init__()
        self._ehlo = SMTP_REPLIES["EHLO"]
        if is_pipelining:
            self._ehlo = self._ehlo.replace("250 ", "250-PIPELINING\r\n250 ")
        self.mails: list[bytes] = []
        self._script: dict[str, list[Answer]] = defaultdict(list)
        self._starttls = starttls

    def say(self, command: str, *answers: Answer) -> None:
        """Answer the next calls of a command so.

        `greeting` and `.` count as commands, and so does `DATA too early`, after a refused RCPT.
        """
        self._script[command] += answers

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code = await self._answer("greeting", reader, writer)
        is_addressed = True  # whether a recipient was taken last: without one there is no DATA
        while code and (line := await reader.readline()):
            command = line.split()[0].decode(errors="replace").upper()
            self.heard.append(line.decode(errors="replace").strip())
            name = command if is_addressed or command != "DATA" else "DATA too early"
            code = await self._answer(name, reader, writer)
            if command == "RCPT":
                is_addressed = code.startswith("2")
            if command == "DATA" and code == "354":
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                code = await self._answer(".", reader, writer)
            elif command == "STARTTLS" and code == "220" and self._starttls is not None:
                await writer.start_tls(self._starttls)

    async def _answer(
        self, command: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """Answer one command; returns the code that was said, nothing when the connection ends."""
        script = self._script[command]
        usual = SMTP_REPLIES | {"EHLO": self._ehlo}
        answer = script.pop(0) if script else usual.get(command, "250 Ok")
        goes_on = await self.act(answer, reader, writer)
        said = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
        return said[:3] if goes_on else ""


class ScriptedHttp(ScriptedServer):
    """An HTTP API that answers each request with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goes_on = True
        while goes_on:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            body = await reader.readexactly(int(length or 0))
            self.heard.append(f"{head.splitlines()[0]} {body.decode()}")
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            goes_on = await self.act(answer, reader, writer)


def http(status: int, body: str, content_type: str = "application/json") -> str:
    """A whole HTTP response."""
    return (
        f"HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )

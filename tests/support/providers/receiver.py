"""A receiver of webhooks that keeps what came, byte for byte, and answers by a script."""

import asyncio
from dataclasses import dataclass

from common.settings import Settings, load_settings
from common.webhooks.signing import write_secret
from tests.support.providers.scripted_servers import Answer, ScriptedServer

KEY = b"k" * 32
SECRET = write_secret(KEY)
ROOT = "r" * 32
OK = "HTTP/1.1 204 No Content\r\n\r\n"


def status(line: str, headers: str = "", body: str = "") -> str:
    """A whole response: `status("302 Found", "Location: /x")`."""
    head = f"HTTP/1.1 {line}\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}{headers}\r\n\r\n{body}" if headers else f"{head}\r\n{body}"


@dataclass(frozen=True)
class Request:
    """One request: its first line, its headers by names in lower case, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver(ScriptedServer):
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self._answers = list(answers or [OK])

    def url(self, path: str = "/hooks", host: str = "127.0.0.1", scheme: str = "http") -> str:
        """An address of a webhook here."""
        return f"{scheme}://{host}:{self.port}{path}"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goes_on = True
        while goes_on:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rows = head.strip().split("\r\n")
            pairs = (row.partition(": ") for row in rows)
            headers = {name.lower(): text for name, _, text in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(line, headers, body))
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            goes_on = await self.act(answer, reader, writer)


def webhook_settings(**changes: str) -> Settings:
    """Settings of a sender that may reach loopback by IPv4."""
    given = {
        "callback_secret": SECRET,
        "callback_root_secret": ROOT,
        "callback_allow_networks": "127.0.0.0/8",
    } | changes
    return load_settings({f"GATEWAY_{name.upper()}": text for name, text in given.items()})

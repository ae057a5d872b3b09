"""Providers that refuse everything and say back what they were sent, each time in another form."""

import base64
import contextlib
import itertools
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import quote, quote_plus

ENCODINGS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    quote,
    lambda said: re.sub("%..", lambda found: found[0].lower(), quote_plus(said)),
    lambda said: base64.b64encode(said.encode()).decode(),
    lambda said: base64.urlsafe_b64encode(f"?{said}".encode()).decode(),
    lambda said: json.dumps({"said": said}),
    lambda said: said.encode().hex(),
    lambda said: "\n ".join(said[start : start + 9] for start in range(0, len(said), 9)),
)


class Echo:
    """What both servers share: the form that comes next, and how often each was used."""

    def __init__(self) -> None:
        self._forms = itertools.cycle(ENCODINGS)
        self._lock = threading.Lock()
        self.told = 0

    def of(self, said: str) -> str:
        """The next form of it."""
        with self._lock:
            self.told += 1
            return next(self._forms)(said)


@contextlib.contextmanager
def echoing_http() -> Iterator[tuple[str, Echo]]:
    """The Bot API, the VK API and an endpoint of webhooks: address, and what was told."""
    echo = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            said = echo.of(f"{self.path} {body[:400]} {self.headers.get('Authorization', '')}")
            status, answer = _refusal(self.path, said)
            content = json.dumps(answer).encode() if isinstance(answer, dict) else answer.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _served(server):
        yield f"http://127.0.0.1:{server.server_port}", echo


def _refusal(path: str, said: str) -> tuple[int, dict[str, Any] | str]:
    if path.startswith("/bot"):
        status = 401 if path.endswith("getMe") else 400
        return status, {"ok": False, "error_code": status, "description": f"Bad: {said}"}
    if path.startswith("/method/"):
        code = 5 if "groups" in path else 914
        return 200, {"error": {"error_code": code, "error_msg": f"no: {said}"}}
    return 400, said


@contextlib.contextmanager
def echoing_smtp() -> Iterator[tuple[int, Echo, threading.Event]]:
    """A mail server that refuses every recipient, and while the event is set every login: port."""
    echo, refuses_login = Echo(), threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            login = ""
            self.say("220 echo ESMTP")
            with contextlib.suppress(OSError):
                for line in map(bytes.decode, self.rfile):
                    word = line.split(" ")[0].strip().upper()
                    if word == "AUTH":
                        login = base64.b64decode(line.split()[-1]).decode().replace("\0", " ")
                    self.say(self.answer(word, login))
                    if word == "QUIT":
                        return

        def answer(self, word: str, login: str) -> str:
            if word == "AUTH" and refuses_login.is_set():
                return f"535 5.7.8 {' '.join(echo.of(login).split())}"
            if word == "RCPT":
                return f"550 5.1.1 {' '.join(echo.of(login).split())}"
            usual = {"EHLO": "250-echo\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 ok", "DATA": "503 no"}
            return usual.get(word, "250 2.0.0 ok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server, _served(server):
        server.daemon_threads = True
        yield int(server.server_address[1]), echo, refuses_login


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()

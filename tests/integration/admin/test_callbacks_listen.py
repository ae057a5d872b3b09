"""`gateway callbacks listen`: a developer's own receiver, called by the real sender."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.node import free_port
from senders.outcome import Outcome, Sent, Transient
from senders.webhook.provider import WebhookProvider
from tests.support.polling import until
from tests.support.providers.receiver import SECRET, webhook_settings
from tests.support.queues import make_delivery

OTHER = "whsec_" + "b3RoZXIh" * 5


@contextmanager
def listening(cwd: Path, *words: str, secret: str = "") -> Iterator[tuple[str, Path]]:
    """The command on a free port; its address, and the file with what it prints."""
    shown, said = cwd / "shown", cwd / "said"
    with shown.open("w") as out, said.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "admin", "callbacks", "listen", "--port", "0", *words],
            cwd=cwd,
            env=os.environ | {"GATEWAY_ENV_FILE": os.devnull, "GATEWAY_CALLBACK_SECRET": secret},
            stdout=out,
            stderr=err,
        )
    try:
        until(lambda: "ends it" in said.read_text() or process.poll() is not None)
        yield said.read_text().split()[2], shown
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()


def call(address: str, **content: str) -> Outcome:
    """One webhook, by the channel itself."""

    async def send() -> Outcome:
        lane = WebhookProvider(webhook_settings()).transmitter()
        outcome = await lane.send(make_delivery(channel="webhook", address=address, **content))
        await lane.close()
        return outcome

    return asyncio.run(send())


def test_prints_what_arrives_with_its_signature_checked(tmp_path: Path) -> None:
    with listening(tmp_path, secret=SECRET) as (url, shown):
        assert isinstance(call(f"{url}orders?a=1", id="7-1", text="\x1b[31mhello"), Sent)
        httpx.post(f"{url}forged", content=b"not json", timeout=30)
        until(lambda: "not json" in shown.read_text())
    lines = shown.read_text().splitlines()
    assert "✓ valid" in lines[0]
    assert lines[0].endswith("POST /orders?a=1  7-1")
    assert '    "text": "\\u001b[31mhello",' in "\n".join(lines)
    assert "– unsigned" in lines[-2]


def test_answers_as_it_is_told_and_prints_json(tmp_path: Path) -> None:
    words = ("--json", "--answer", "503", "--secret", OTHER)
    with listening(tmp_path, *words) as (url, shown):
        outcome = call(f"{url}orders")
        until(lambda: shown.read_text().endswith("\n"))
    assert isinstance(outcome, Transient)
    assert outcome.code == "503"
    [told] = map(json.loads, shown.read_text().splitlines())
    assert (told["path"], told["signature"]) == ("/orders", "invalid")
    assert told["id"] == told["headers"]["webhook-id"]
    assert json.loads(told["body"])["text"] == "hello"


def test_client_that_breaks_off_ends_nothing(tmp_path: Path) -> None:
    with listening(tmp_path, secret=SECRET) as (url, shown):
        port = int(url.rpartition(":")[2].strip("/"))
        for said in (b"", b"garbage\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(said)
        assert httpx.post(url, content=iter([b"chunked"]), timeout=30).status_code == 411
        assert isinstance(call(f"{url}orders"), Sent)
        until(lambda: "/orders" in shown.read_text())
    assert len([one for one in shown.read_text().splitlines() if "POST" in one]) == 1


def test_port_that_is_taken_and_secret_that_is_none_are_told(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        for words, code, said in (
            (("--port", str(port)), 1, f"port {port} of 127.0.0.1 cannot be had"),
            (("--secret", "s3cret"), 2, "--secret cannot have signed anything: a secret begins"),
        ):
            done = subprocess.run(
                [sys.executable, "-P", "-m", "admin", "callbacks", "listen", *words],
                cwd=tmp_path,
                env=os.environ | {"GATEWAY_ENV_FILE": os.devnull},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert (done.returncode, said in done.stderr) == (code, True), done.stderr
            assert "s3cret" not in done.stderr

"""The sandbox as a whole: its process, its inbox, its page and its faults over HTTP."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from common.channels import Channel
from deploy.sandbox import Sandbox
from senders.simulator.faults import FAULTS, MAGIC, find_magic, magic_table

ATTACK = "<script>alert('x')</script>\"><img src=x>"


async def _send(http: httpx.AsyncClient, chat_id: str = "42", text: str = "Hi") -> httpx.Response:
    fields = {"chat_id": chat_id, "text": text}
    return await http.post("/bot1:sandbox/sendMessage", data=fields)


async def _mail(sandbox: Sandbox, headers: str, body: str) -> None:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.smtp_port)
    commands = ["EHLO test", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA"]
    await reader.readline()
    for command in [*commands, f"{headers}\r\n\r\n{body}\r\n."]:
        writer.write(f"{command}\r\n".encode())
        while (await reader.readline())[3:4] == b"-":
            pass
    writer.close()
    await writer.wait_closed()


async def test_inbox_json_filters_and_counts(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    for chat_id in ("42", "42", "43"):
        await _send(http, chat_id)

    everything = (await http.get("/inbox.json")).json()
    mine = (await http.get("/inbox.json?channel=telegram&recipient=43")).json()
    assert [entry["n"] for entry in everything["entries"]] == [1, 2, 3]
    assert [entry["duplicate_of"] for entry in everything["entries"]] == [None, 1, None]
    assert (everything["duplicates"], everything["refused_duplicates"]) == (1, 0)
    assert [entry["recipient"] for entry in mine["entries"]] == ["43"]
    assert (await http.get("/inbox.json?channel=vk")).json()["entries"] == []


async def test_cleared_inbox_starts_again(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    await _send(http)
    assert (await http.delete("/inbox")).status_code == 204

    assert sandbox.inbox.attempts() == []
    await _send(http)
    assert [entry.n for entry in sandbox.inbox.entries()] == [1]
    assert sandbox.inbox.duplicates == 0


async def test_attempts_show_every_call_with_its_verdict(http: httpx.AsyncClient) -> None:
    await _send(http, "900004000")
    await _send(http, "900004000", "")
    await _send(http)

    attempts = (await http.get("/attempts.json")).json()["attempts"]
    seen = [(one["recipient"], one["verdict"], one["code"], one["fault"]) for one in attempts]
    assert seen == [
        ("900004000", "refused", "500", "server_error"),
        ("900004000", "refused", "400", None),
        ("42", "accepted", "200", None),
    ]


async def test_waiting_in_vain_says_how_many_came(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 messages arrived for email:"):
        await sandbox.inbox.wait_for(1, "email", timeout_s=0.05)


async def test_empty_page_tells_what_to_expect(http: httpx.AsyncClient) -> None:
    assert "Nothing has arrived yet." in (await http.get("/")).text


async def test_page_shows_messages_and_escapes_them(http: httpx.AsyncClient) -> None:
    await _send(http, text=ATTACK)

    for path in ("/", "/inbox", "/inbox/1"):
        page = await http.get(path)
        assert page.status_code == 200
        assert "&lt;script&gt;alert" in page.text
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_mail_is_shown_with_its_html_in_a_powerless_frame(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await _mail(sandbox, f"Subject: {ATTACK}\r\nContent-Type: text/html", f"<p>{ATTACK}</p>")

    page = (await http.get("/inbox/1")).text
    policy = "&lt;!doctype html&gt;&lt;meta http-equiv=&quot;Content-Security-Policy&quot; content="
    assert f'<iframe sandbox title="HTML body" srcdoc="{policy}' in page
    assert "<script>alert" not in page
    assert "<script>alert" not in (await http.get("/inbox")).text


async def test_page_loads_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert "http" not in page
    for path in ("/look.css", "/page.css", "/page.js"):
        assert path in page
        assert (await http.get(path)).status_code == 200


async def test_page_has_no_message_that_is_not_there(http: httpx.AsyncClient) -> None:
    assert (await http.get("/inbox/7")).status_code == 404


async def test_faults_are_set_shown_and_cleared_over_http(http: httpx.AsyncClient) -> None:
    wanted = {"channel": "telegram", "fault": "blocked", "count": 2, "recipient": 42}
    assert (await http.post("/faults", json=wanted)).status_code == 201
    assert (await _send(http)).status_code == 403

    (pending,) = (await http.get("/faults")).json()["pending"]
    assert (pending["fault"], pending["remaining"], pending["recipient"]) == ("blocked", 1, "42")
    assert (await http.delete("/faults")).status_code == 204
    assert (await _send(http)).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"channel": "vk", "fault": "greylist"}, "vk has no fault 'greylist'; choose one of: "),
        ({"channel": "email", "fault": "bad_auth", "recipient": "a@b"}, "leave it out"),
        ({"channel": "fax", "fault": "slow"}, "'email', 'telegram', 'vk' or 'webhook'"),
        ({"channel": "vk", "fault": "slow", "count": 0}, "must be at least 1"),
        ({"channel": "vk", "fault": "slow", "often": 1}, "often"),
    ],
)
async def test_impossible_fault_is_refused_with_the_reason(
    http: httpx.AsyncClient, wanted: dict[str, str | int], words: str
) -> None:
    answer = await http.post("/faults", json=wanted)
    assert answer.status_code == 422
    assert words in answer.text


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize(
    "fault", ["rate_limit", "server_error", "refuse", "bounce", "blocked", "slow"]
)
def test_common_faults_exist_on_every_channel(channel: Channel, fault: str) -> None:
    assert fault in FAULTS[channel]


def test_magic_names_only_faults_that_exist() -> None:
    assert [magic for magic in MAGIC if magic.fault not in FAULTS[magic.channel]] == []


@pytest.mark.parametrize("recipient", ["42", "123", "-1001234567890", "@news", "-100900007000"])
def test_ordinary_ids_are_not_magic(recipient: str) -> None:
    assert find_magic(Channel.TELEGRAM, recipient) is None
    assert find_magic(Channel.VK, recipient) is None


async def _until_something_arrived(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while not (await http.get("/inbox.json")).json()["entries"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.sandbox",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_process_prints_its_ports_and_stops_cleanly(number: signal.Signals) -> None:
    process = await _start()
    assert process.stdout is not None
    ports = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["smtp_port"])
    assert (await reader.readline()).startswith(b"220 ")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['http_port']}") as http:
        assert (await http.get("/inbox.json")).status_code == 200
        hanging = {"channel": "telegram", "fault": "accept_then_hang"}
        await http.post("/faults", json=hanging)
        call = asyncio.create_task(_send(http))
        await _until_something_arrived(http)
        process.send_signal(number)
        with pytest.raises(httpx.TransportError):
            await call
    output, errors = await asyncio.wait_for(process.communicate(), 10)
    writer.close()

    assert (process.returncode, output, errors) == (0, b"", b"")


async def test_taken_port_is_one_clear_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        process = await _start("--http-port", str(port))
        _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert f"HTTP port {port}".encode() in errors
    assert b"Traceback" not in errors


async def test_help_lists_the_recipients_that_fail() -> None:
    process = await _start("--help")
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert "grey+…@…" in output.decode()
    assert "900007000 … 900007999" in output.decode()


def test_documented_addresses_are_those_that_are_refused() -> None:
    rows = ["| {} | `{}` | {} | {} |".format(*row) for row in magic_table()]
    text = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()
    assert [line for line in text.splitlines() if line in rows] == rows

"""`gateway send` as an operator and as a script would use it, against the whole gateway."""

import asyncio
import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from admin.cli import app
from admin.send import course
from admin.send.command import send as send_command
from common.errors import GatewayError
from deploy.local.node import Node
from gateway_api.notifications.options import EmailOptions, TelegramOptions, VkOptions
from store.schema import upgrade
from tests.integration.updates.conftest import Api
from tests.support.polling import eventually, until
from tests.support.processes.running import Gateway, answers, running_gateway
from tests.support.providers.scripted_servers import ScriptedHttp, http

KEY = "a-key-of-sixteen-letters-or-more"


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    with running_gateway(broker, directory, api_key=KEY) as gateway:
        yield gateway


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str


def environment(gateway: Gateway | None = None, **settings: str) -> dict[str, str]:
    """Settings of the command line alone; with a gateway, those that reach it."""
    given = {"env_file": os.devnull}
    if gateway is not None:
        port = str(gateway.api.base_url.port)
        given |= {"amqp_url": gateway.amqp_url, "api_port": port, "api_key": KEY}
    return {f"GATEWAY_{name.upper()}": text for name, text in (given | settings).items()}


def send(*words: str, env: dict[str, str], stdin: bytes | str = "") -> Done:
    """Run `gateway send` in this process; an error that `main` would print ends in code 1."""
    env = env | {"COLUMNS": "200"}
    outcome = CliRunner().invoke(app, ["send", *words], env=env, input=stdin)
    error = outcome.exception
    assert error is None or isinstance(error, SystemExit | GatewayError), outcome
    said = f"gateway: {error}\n" if isinstance(error, GatewayError) else ""
    return Done(outcome.exit_code, outcome.stdout, outcome.stderr + said)


@pytest.mark.parametrize("more", [[], ["--json"]], ids=" ".join)
@pytest.mark.parametrize("status", [202, 422])
def test_nothing_that_the_api_says_is_obeyed_by_the_terminal(more: list[str], status: int) -> None:
    odd = "pwn\x1b]0;id\x07\x9b2J\u202e\n\u2028b"
    fault = {"path": odd, "message": odd}
    body = {"id": odd, "deliveries": [{"id": odd, "to": odd, "status": odd}]}
    body |= {} if status == 202 else {"code": odd, "title": odd, "errors": [fault]}

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        told = CliRunner().invoke(app, ["send", "vk:1", "--text", "a", "--api", address, *more])
        thread.join(10)
    assert "pwn" in told.output
    assert all(line.isprintable() for line in told.output.split("\n"))


def test_a_script_reads_the_exit_code_and_the_ids(gateway: Gateway) -> None:
    words = ["send", "telegram:4000", "--text", "-", "--wait"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "admin", *words],
        env=os.environ | environment(gateway),
        input="hello",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"(\S+-1)  telegram:4000  queued\n\1  telegram:4000  sent\n", done.stdout)


def test_accepted_prints_the_id_of_each_delivery(gateway: Gateway) -> None:
    done = send("telegram:4001", "vk:4002", "--text", "hello", env=environment(gateway))
    assert (done.code, done.stderr) == (0, "")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [line[1:] for line in lines] == [["telegram:4001", "queued"], ["vk:4002", "queued"]]
    entry = until(lambda: gateway.inbox(recipient="4002"))[0]
    assert entry["delivery_id"] in (None, lines[1][0])


def test_waits_for_each_to_be_sent_and_says_so(gateway: Gateway) -> None:
    gateway.fail_next("telegram", "server_error", recipient="4003")
    words = ["telegram:4003", "email:ada@example.com", "--subject", "Hi", "--text", "hello"]
    done = send(*words, "--wait", "--priority", "high", env=environment(gateway))
    assert done.code == 0, done
    assert [line.split("  ")[1:] for line in done.stdout.splitlines()[2:]] == [
        ["telegram:4003", "sent"],
        ["email:ada@example.com", "sent"],
    ]
    assert "retrying" in done.stderr


def test_dead_letter_is_exit_code_1_with_its_reason(gateway: Gateway) -> None:
    done = send("telegram:900001001", "--text", "hello", "--wait", env=environment(gateway))
    assert done.code == 1
    assert "failed  403 Forbidden: bot was blocked" in done.stdout


def test_json_is_all_there_is_on_stdout(gateway: Gateway) -> None:
    words = ["telegram:4004", "telegram:900001001", "--text", "hello", "--wait", "--json"]
    done = send(*words, env=environment(gateway))
    report = json.loads(done.stdout)
    assert (done.code, report["result"]) == (1, "failed")
    assert [(one["status"], one["code"]) for one in report["deliveries"]] == [
        ("sent", None),
        ("failed", "403"),
    ]


def test_not_ended_in_time_is_exit_code_3(gateway: Gateway) -> None:
    words = ["telegram:4005", "--text", "hello", "--wait", "--timeout", "1ms", "--json"]
    gateway.fail_next("telegram", "slow", recipient="4005")
    done = send(*words, env=environment(gateway))
    assert (done.code, json.loads(done.stdout)["result"]) == (3, "unfinished")
    assert "not ended within 1ms (--timeout); the gateway goes on with it" in done.stderr


@pytest.mark.parametrize("option", ["--text", "--file"])
def test_text_comes_from_stdin(gateway: Gateway, option: str) -> None:
    chat = {"--text": "4006", "--file": "4007"}[option]
    done = send(f"telegram:{chat}", option, "-", env=environment(gateway), stdin="Привет\nline 2\n")
    assert done.code == 0, done
    assert until(lambda: gateway.inbox(recipient=chat))[0]["text"].startswith("Привет\nline 2")


def test_file_holds_the_text_and_html_stands_beside_it(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("from a file")
    words = ["email:file@example.com", "--subject", "Hi", "--file", str(tmp_path / "text")]
    done = send(*words, "--html", "<p>hi</p>", env=environment(gateway))
    assert done.code == 0, done
    entry = until(lambda: gateway.inbox(recipient="file@example.com"))[0]
    assert entry["text"].strip() == "from a file"


def test_channel_options_are_those_of_the_api(gateway: Gateway) -> None:
    words = ["email:options@example.com", "telegram:4010", "--subject", "Hi", "--text", "<b>hi</b>"]
    words += ["--from-name", "The Shop", "--reply-to", "help@example.com", "--cc", "c@example.com"]
    words += ["--parse-mode", "HTML", "--disable-notification", "--tags", "orders"]
    words += ["--link-preview", '{"is_disabled": true}', "--expires-in-s", "600"]
    done = send(*words, "--headers", '{"List-Id": "<news.example.com>"}', env=environment(gateway))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.count("queued") == 3  # the copy too
    mail = str(until(lambda: gateway.inbox(recipient="options@example.com"))[0])
    assert "The Shop" in mail
    assert "help@example.com" in mail
    chat = until(lambda: gateway.inbox(recipient="4010"))[0]
    assert "'disable_notification'" in str(chat)


def test_option_for_a_channel_that_nobody_is_on_is_refused(gateway: Gateway) -> None:
    done = send("telegram:1", "--text", "a", "--cc", "c@example.com", env=environment(gateway))
    assert done.code == 1
    assert "/email: there is no email recipient for this" in done.stderr


@pytest.mark.parametrize("model", [EmailOptions, TelegramOptions, VkOptions])
def test_every_channel_option_of_the_api_can_be_sent(model: type[BaseModel]) -> None:
    assert model.model_fields.keys() <= inspect.signature(send_command).parameters.keys()


def test_refusal_names_every_fault(gateway: Gateway) -> None:
    done = send("telegram:x", "nowhere", "--text", "hello", env=environment(gateway))
    assert (done.code, done.stdout) == (1, "")
    assert "gateway: refused (invalid_request)" in done.stderr
    assert "/to/0: " in done.stderr
    assert "/to/1: " in done.stderr


def test_wrong_key_is_refused(gateway: Gateway) -> None:
    env = environment(gateway, api_key="another-key-of-sixteen-letters")
    done = send("telegram:1", "--text", "hello", "--json", env=env)
    report = json.loads(done.stdout)
    assert (done.code, report["result"]) == (1, "refused")
    assert report["problem"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Missing argument"),
        (["telegram:1"], "nothing to send: give --text, --html or --file"),
        (["telegram:1", "--text", "a", "--file", "b"], "not with both"),
        (["telegram:1", "--text", "-", "--html", "-"], "only one of"),
        (["telegram:1", "--file", "/nonesuch"], "/nonesuch cannot be read: No such file"),
        (["telegram:1", "--file", "/"], "/ cannot be read: Is a directory"),
        (["telegram:1", "--text", "a", "--timeout", "5"], "is not a duration such as 30s"),
        (["telegram:1", "--text", "a", "--priority", "urgent"], "'high', 'normal', 'bulk'"),
        (["vk:1", "--text", "a", "--keyboard", "{"], "'{' is not JSON"),
        (["telegram:1", "--text", "a", "--api", "localhost:8080"], "is no address such as"),
    ],
)
def test_wrong_arguments_are_exit_code_2(words: list[str], sentence: str) -> None:
    done = send(*words, env=environment())
    assert (done.code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_bytes_that_are_no_text_are_told() -> None:
    done = send("telegram:1", "--text", "-", env=environment(), stdin=b"\xff\xfe")
    assert done.code == 2
    assert "stdin holds is not text in UTF-8" in done.stderr


def test_no_api_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = send("telegram:1", "--text", "a", env=environment(api_port=str(port)))
    assert (done.code, done.stderr.count("\n")) == (1, 1)
    assert f"no API answers at http://127.0.0.1:{port}" in done.stderr


async def test_api_that_breaks_off_is_told_without_a_librarys_words() -> None:
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = str(closing.sockets[0].getsockname()[1])
    async with closing:
        env = environment(api_port=port)
        done = await asyncio.to_thread(send, "telegram:1", "--text", "a", env=env)
    assert done.code == 1
    assert f"the API at http://127.0.0.1:{port} broke off: it may or may not" in done.stderr


async def test_something_else_at_the_address_is_told() -> None:
    page = ScriptedHttp(http(404, "<html></html>", "text/html"))
    async with page.serving():
        done = await asyncio.to_thread(
            send, "telegram:1", "--text", "a", "--api", page.url, env=environment()
        )
    assert done.code == 1
    assert "is not the gateway's API (HTTP 404)" in done.stderr


def test_port_0_needs_an_address() -> None:
    done = send("telegram:1", "--text", "a", env=environment(api_port="0"))
    assert done.code == 1
    assert "GATEWAY_API_PORT is 0" in done.stderr


def test_wait_needs_no_broker_of_its_own(gateway: Gateway) -> None:
    env = environment(gateway, amqp_url="amqp://ada:secret@127.0.0.1:1/")
    done = send("telegram:4008", "--text", "hello", "--wait", env=env)
    assert (done.code, done.stderr) == (0, "")


def test_wait_goes_on_when_the_api_comes_back(gateway: Gateway) -> None:
    gateway.fail_next("telegram", "slow", recipient="4009")
    with ThreadPoolExecutor() as thread:
        words = ["telegram:4009", "--text", "hello", "--wait"]
        sending = thread.submit(send, *words, env=environment(gateway))
        until(lambda: not gateway.sandbox.get("/faults").json()["pending"])
        until(lambda: watchers(gateway))
        os.kill(gateway.stack.pid("api"), signal.SIGKILL)
        done = sending.result(60)
    until(lambda: answers(gateway.api, "/readyz"))
    assert (done.code, done.stdout.splitlines()[-1].split("  ")[1:]) == (
        0,
        ["telegram:4009", "sent"],
    )
    assert "(following again as soon as it answers)" in done.stderr
    assert done.stderr.endswith("gateway: following again\n")


def watchers(gateway: Gateway) -> int:
    """How many follow by the API."""
    answer = gateway.api.get("/v1/live", headers={"Authorization": f"Bearer {KEY}"})
    return int(answer.json()["watchers"])


@pytest.mark.parametrize(
    ("other_store", "reason"),
    [
        (None, "the journal has told nothing of it for 1 s; `gateway ps` shows"),
        ("postgresql://gateway@127.0.0.1:1/gateway", "cannot read its store at the moment"),
    ],
    ids=["no journal", "no store"],
)
async def test_what_cannot_be_followed_is_said_and_not_waited_for(
    gateway_url: str,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    other_store: str | None,
    reason: str,
) -> None:
    monkeypatch.setattr(course, "HEARD_WITHIN_S", 1.0)
    upgrade(sqlite_url)
    # With keys in its store it would let nobody in that it cannot look up.
    api = await Api.started(gateway_url, other_store or sqlite_url, GATEWAY_API_KEY=KEY)
    try:
        await eventually(lambda: is_ready(api))
        words = ["vk:1", "--text", "a", "--wait", "--timeout", "1h", "--api", api.url, "--json"]
        done = await asyncio.to_thread(send, *words, env=environment(api_key=KEY))
    finally:
        await api.kill()
    assert (done.code, json.loads(done.stdout)["result"]) == (3, "unfinished")
    assert reason in done.stderr
    assert done.stderr.endswith("What was accepted will be sent\n")
    assert "--timeout" not in done.stderr


async def is_ready(api: Api) -> bool:
    return (await api.client.get("/readyz")).is_success

"""`gateway up` as its operator runs it: own settings, things that die, an orderly end."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin.announcing import UP, announced, env_file_of
from common.envelope import Event, EventType
from common.settings import load_settings
from deploy.local.node import Node, free_port
from tests.support.happenings import event
from tests.support.polling import until
from tests.support.processes.terminal import Terminal, at_terminal, too_wide
from tests.support.processes.working import working_for
from tests.support.queues import amqp_channel, make_delivery
from tests.support.readme import curl_commands, run_curl

COMMAND = [sys.executable, "-P", "-m", "admin", "up"]


@dataclass
class Up:
    """A directory with `.env`, and `gateway up` running there with its state beside it."""

    directory: Path
    api: str
    key: str

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def output(self) -> str:
        return (self.directory / "output").read_text(errors="replace")

    def set(self, **settings: str) -> None:
        """Add lines to `.env`."""
        with (self.directory / ".env").open("a") as file:
            file.writelines(f"GATEWAY_{name.upper()}={text}\n" for name, text in settings.items())

    def command(self, *words: str) -> list[str]:
        return [*COMMAND, "--state", str(self.state), *words]

    @contextlib.contextmanager
    def running(self, **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """It has come as far as to watch; killed at the end if it still runs."""
        with (self.directory / "output").open("w") as sink:
            process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=environment(self.directory, **env),
                stdout=sink,
                stderr=sink,
            )
        try:
            ready = "sender-vk: running"
            until(lambda: ready in self.output or process.poll() is not None, 200)
            assert process.poll() is None, self.output
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it where it is expected to end by itself."""
        return subprocess.run(
            self.command(*words),
            cwd=self.directory,
            env=environment(self.directory, **env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def post(self, to: str) -> str:
        """POST a notification; the id of its delivery."""
        answer = httpx.post(
            f"{self.api}/v1/notifications",
            json={"to": to, "text": "hello", "subject": "Hello"},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        delivery_id: str = answer.json()["deliveries"][0]["id"]
        return delivery_id

    def inbox(self, recipient: str) -> list[dict[str, Any]]:
        """What the stand-in providers accepted for a recipient."""
        words = next(line for line in self.output.splitlines() if line.startswith("Inbox"))
        query = {"recipient": recipient}
        entries: list[dict[str, Any]] = httpx.get(
            f"{words.split()[1]}inbox.json", params=query, timeout=30
        ).json()["entries"]
        return entries

    def pid(self, name: str) -> int:
        """Its number, which a process's guard writes down a moment after the start."""
        file = self.state / "logs" / f"{name}.pid"
        return int(until(lambda: file.exists() and file.read_text()))


def environment(directory: Path, **env: str) -> dict[str, str]:
    """What runs inherits a mark of its test's, by which a leftover is found."""
    return os.environ | {"TEST_MARK": str(directory), "COLUMNS": "200"} | env


@pytest.fixture
def up(tmp_path: Path) -> Up:
    """A `.env` written by --init, on a free port."""
    port = free_port()
    here = Up(tmp_path, f"http://127.0.0.1:{port}", "")
    done = here.run("--init")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / ".env").read_text().splitlines()
    here.key = next(line for line in lines if line.startswith("GATEWAY_API_KEY=")).split("=")[1]
    here.set(api_port=str(port))
    return here


def test_what_dies_comes_back_and_ctrl_c_leaves_nothing_but_the_messages(up: Up) -> None:
    with up.running() as process:
        assert "telegram     stand-in: GATEWAY_TELEGRAM_TOKEN is not set" in up.output
        up.post("telegram:5001")
        until(lambda: up.inbox("5001"))

        os.kill(up.pid("sender-vk"), signal.SIGKILL)
        os.kill(int((up.state / "broker" / "beam.pid").read_text()), signal.SIGKILL)
        until(lambda: "sender-vk: running, restarted 1 time" in up.output)
        until(lambda: "broker: running, restarted 1 time" in up.output, 60)
        until(lambda: httpx.get(f"{up.api}/readyz", timeout=30).is_success)
        up.post("vk:5002")
        until(lambda: up.inbox("5002"))

        os.kill(up.pid("sender-email"), signal.SIGSTOP)  # a message that nobody fetches
        up.post("email:kept@example.com")
        process.send_signal(signal.SIGINT)
        until(lambda: "Stopping" in up.output)
        os.kill(up.pid("sender-email"), signal.SIGKILL)
        assert process.wait(60) == 0
    assert "Traceback" not in up.output
    until(lambda: not working_for(up.directory))

    with up.running() as process:
        until(lambda: up.inbox("kept@example.com"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    until(lambda: not working_for(up.directory))


@pytest.mark.long
def test_console_has_a_key_of_its_own_which_commands_find(up: Up) -> None:
    up.set(console_port="0", console_key="the-key-of-the-console")
    with up.running():
        up.post("telegram:900001001")
        found = load_settings(file=env_file_of(UP, up.state))
        at = f"http://127.0.0.1:{found.console_port}/v1/dead-letters"
        assert f"127.0.0.1:{found.console_port}/" in up.output
        assert "console: running" in up.output
        assert found.console_key is not None
        key = {"Authorization": f"Bearer {found.console_key.get_secret_value()}"}
        until(lambda: httpx.get(at, headers=key).json()["dead_letters"])
        assert httpx.get(at, headers={"Authorization": f"Bearer {up.key}"}).status_code == 401
        with_key = {"Authorization": f"Bearer {up.key}"}
        assert httpx.get(f"{up.api}/v1/dead-letters", headers=with_key).status_code == 404


def test_commands_and_the_readme_lines_use_what_runs(up: Up) -> None:
    def gateway(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "admin", *words],
            cwd=up.directory,  # its .env has the key
            env=environment(up.directory, GATEWAY_STATE_DIR=str(up.state)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    with up.running() as process:
        record = up.state / "up.env"
        assert f"--env-file {record}" in up.output
        failed = gateway("send", "telegram:900001001", "--text", "a", "--wait")
        assert (failed.returncode, "failed" in failed.stdout) == (1, True), failed.stderr
        assert "using `gateway up` that runs here" in failed.stderr
        [hook] = [line.split()[1] for line in up.output.splitlines() if line.startswith("Inbox")]
        to = f"{hook}webhook/orders"
        sent = gateway("send", f"webhook:{to}", "--text", "a", "--callback-url", to, "--wait")
        assert sent.returncode == 0, sent.stderr
        told = until(lambda: told if len(told := up.inbox(to)) == 3 else None)
        assert {one["signature"] for one in told} == {"valid"}
        listed = gateway("dead", "list", "--json", "--env-file", str(record))
        assert [one["code"] for one in json.loads(listed.stdout)] == ["403"]
        for words in (["topology", "check"], ["doctor"]):
            well = gateway(*words)
            assert well.returncode == 0, well.stdout + well.stderr
        sourced = ["sh", "-ec", f". '{record}'; printf %s \"$GATEWAY_API_KEY\""]
        key = subprocess.run(sourced, capture_output=True, text=True, check=True).stdout
        for command in curl_commands():
            assert '"status":"queued"' in run_curl(command, up.api, key)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not record.exists()


def test_port_of_a_gateway_that_runs_here_is_named(up: Up, vhost_url: str) -> None:
    up.state.mkdir()
    other = {"GATEWAY_AMQP_URL": vhost_url, "GATEWAY_API_PORT": up.api.rpartition(":")[2]}
    with (
        socket.create_server(("127.0.0.1", int(other["GATEWAY_API_PORT"]))),
        announced(UP, env_file_of(UP, up.state), other),
    ):
        done = up.run()
    assert done.returncode == 1
    assert "`gateway up` runs here and has port" in done.stderr


def test_killed_outright_leaves_nothing(up: Up) -> None:
    with up.running() as process:
        process.kill()
    until(lambda: not working_for(up.directory))


def test_your_broker_and_your_credentials_are_used(up: Up, vhost_url: str) -> None:
    up.set(amqp_url=vhost_url, vk_token="nonsense", vk_api_url="http://127.0.0.1:1")
    with up.running() as process:
        assert "vk           127.0.0.1:1\n" in up.output
        assert "telegram     stand-in" in up.output
        assert "private" not in up.output
        up.post("telegram:5003")
        until(lambda: up.inbox("5003"))
        again = up.run()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert again.returncode == 1
    assert "is running already; stop that one first" in again.stderr
    assert not (up.state / "broker" / "data").exists()


@pytest.mark.long
def test_its_own_url_file_still_means_the_private_broker(up: Up) -> None:
    own = str(up.state / "broker" / "amqp_url")
    with up.running(GATEWAY_AMQP_URL_FILE=own) as process:
        assert "Broker       private" in up.output
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("GATEWAY_AMPQ_URL=amqp://h", "GATEWAY_AMPQ_URL is not a setting; did you mean"),
        ("GATEWAY_AMQP_URL amqp://h", "this line cannot be read; write NAME=value"),
    ],
)
def test_wrong_line_of_the_file_stops_it(up: Up, line: str, said: str) -> None:
    with (up.directory / ".env").open("a") as file:
        file.write(f"{line}\n")
        number = len((up.directory / ".env").read_text().splitlines()) + 1
    stopped_before_anything(up, f"gateway: {up.directory}/.env, line {number}: {said}")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"email_from": "shop@example.com"},
            "GATEWAY_EMAIL_FROM is set, but GATEWAY_EMAIL_URL is not",
        ),
        ({"nonsense": "1"}, "GATEWAY_NONSENSE is not a setting"),
        (
            {"email_url": "smtp://127.0.0.1:1?starttls=no", "email_from": "not-an-address"},
            "GATEWAY_EMAIL_FROM is not an email address",
        ),
        (
            {"telegram_token": "1:x", "telegram_api_url": "ftp://nonsense"},
            "GATEWAY_TELEGRAM_API_URL must be an address",
        ),
        ({"vk_lanes": "high:0"}, "GATEWAY_VK_LANES has no lane at all"),
    ],
)
def test_settings_that_no_restart_can_mend_stop_it(
    up: Up, settings: dict[str, str], said: str
) -> None:
    up.set(**settings)
    stopped_before_anything(up, said)


def stopped_before_anything(up: Up, said: str) -> None:
    done = up.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert said in done.stderr
    assert done.stdout == ""
    assert not (up.state / "broker" / "data").exists()
    assert not (up.state / "logs").exists()


@pytest.mark.long
def test_secret_that_vanishes_for_a_moment_stops_nothing(up: Up, vhost_url: str) -> None:
    token = up.directory / "token"
    token.write_text("nonsense")
    up.set(amqp_url=vhost_url, vk_token_file=str(token), vk_api_url="http://127.0.0.1:1")
    with up.running() as process:
        token.unlink()
        os.kill(up.pid("sender-vk"), signal.SIGKILL)
        until(lambda: f"names {token}, which cannot be read: No such file" in up.output)
        token.write_text("nonsense")
        log = up.state / "logs" / "sender-vk.log"
        until(lambda: log.read_text().count("sender started") == 2)
        assert up.post("email:ada@example.com")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_start_is_no_success_and_leaves_nothing(up: Up, number: signal.Signals) -> None:
    with (up.directory / "output").open("w") as sink:
        process = subprocess.Popen(
            up.command(), cwd=up.directory, env=environment(up.directory), stdout=sink, stderr=sink
        )
    try:
        until(lambda: any("rabbit boot" in line for line in working_for(up.directory)))
        process.send_signal(number)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in up.output
    until(lambda: not working_for(up.directory))


@pytest.mark.long
def test_terminal_of_60_columns_shows_processes_and_how_channels_fare(
    up: Up, vhost_url: str
) -> None:
    up.set(amqp_url=vhost_url)
    with at_terminal(up.command(), environment(up.directory), up.directory, 60) as terminal:
        until(lambda: "Ctrl-C stops everything" in terminal.text)
        up.post("telegram:900001001")
        up.post("telegram:5004")
        until(lambda: re.search(r"sender-telegram running +1 +0 +1\b", terminal.text))
        until(lambda: "403 Forbidden: bot was blocked by the user (" in terminal.text)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == 0
    for name in ("sandbox", "api", "sender-email", "sender-vk"):
        assert re.search(rf"● {name} +running", terminal.text)
    assert too_wide(terminal.text, 60) == []


@pytest.mark.long
@pytest.mark.parametrize("columns", [20, 40])
def test_narrow_terminal_folds_what_is_needed_most(up: Up, gateway_url: str, columns: int) -> None:
    up.set(amqp_url=gateway_url)
    said = "5.1.1 no such user here, try something@example.org or call"
    with at_terminal(up.command(), environment(up.directory), up.directory, columns) as terminal:
        until(lambda: "Ctrl-C stops" in terminal.text)
        expired = event(make_delivery(), EventType.EXPIRED)
        odd = event(make_delivery(), EventType.FAILED, message=said)  # the later of the two

        def is_counted(one: Event, words: str) -> bool:
            with amqp_channel(gateway_url) as channel:  # told again: it may not listen yet
                channel.basic_publish("events", one.routing_key, one.encode())
            return shown(terminal, words)

        until(partial(is_counted, expired, "expired 1"))
        until(partial(is_counted, odd, "refused 1, expired 1"))
        for words in ("or call (", "why: ./gateway dead list"):
            until(partial(shown, terminal, words))
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == 0
    board = terminal.text.partition("sandbox")[2]
    assert [line for line in board.splitlines() if len(line) > columns] == []


def shown(terminal: Terminal, words: str) -> bool:
    """Whether it shows these words, wherever it folds them."""
    return "".join(words.split()) in "".join(terminal.text.split())


@pytest.mark.long
def test_no_event_freezes_the_board_or_ends_it(up: Up) -> None:
    far = "9999-12-31T23:59:59Z"
    odd = event(make_delivery(), EventType.RETRYING, at=far, next_at=far, message="an odd one")
    with at_terminal(up.command(), environment(up.directory), up.directory, 80) as terminal:
        until(lambda: "Ctrl-C stops everything" in terminal.text, 60)
        url = (up.state / "broker" / "amqp_url").read_text().strip()
        with amqp_channel(url) as channel:
            channel.basic_publish("events", "telegram.retrying", odd.encode())
        until(lambda: "550 an odd one (0s ago)" in terminal.text)
        os.kill(int((up.state / "broker" / "beam.pid").read_text()), signal.SIGKILL)
        until(lambda: "Not counting at the moment" in terminal.text)
        until(lambda: "restarted 1 time" in terminal.text, 60)
        until(lambda: re.search(r"550 an odd one \([1-9]", terminal.text))
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == 0
    assert "Traceback" not in terminal.text
    assert "cannot be shown" not in terminal.text


@pytest.mark.long
def test_pipe_gets_a_line_about_refusals_and_not_one_for_each(up: Up, vhost_url: str) -> None:
    up.set(amqp_url=vhost_url)
    with up.running(COLUMNS="60") as process:
        for _ in range(20):
            up.post("telegram:900001001")
        until(lambda: "telegram: sent 0, retrying 0, refused 20;" in up.output)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "last reason:" in up.output
    assert 1 <= up.output.count("telegram: sent") <= 3
    assert too_wide(up.output, 60) == []


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "cp1251"])
def test_words_that_its_encoding_has_not_do_not_end_it(
    up: Up, gateway_url: str, encoding: str
) -> None:
    up.set(amqp_url=gateway_url)
    refused = event(make_delivery(), EventType.FAILED, message="no caf\u00e9 \u2713 here")
    with up.running(PYTHONIOENCODING=encoding) as process:
        with amqp_channel(gateway_url) as channel:
            channel.basic_publish("events", "telegram.failed", refused.encode())
        until(lambda: "last reason: 550 no caf? ? here" in up.output)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_init_never_overwrites(up: Up) -> None:
    before = (up.directory / ".env").read_text()
    done = up.run("--init")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "exists already and was left as it is" in done.stderr
    assert (up.directory / ".env").read_text() == before
    assert (up.directory / ".env").stat().st_mode & 0o077 == 0


def test_taken_port_is_one_sentence(up: Up, broker: Node) -> None:
    up.set(api_port=str(broker.amqp_port))
    done = up.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"port {broker.amqp_port} on 127.0.0.1 is taken" in done.stderr


def test_unreachable_broker_is_one_sentence(up: Up) -> None:
    up.set(amqp_url="amqp://ada:secret@127.0.0.1:1/")
    done = up.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No broker answers at 127.0.0.1:1" in done.stderr
    assert "secret" not in done.stderr


def test_exposed_api_without_a_key_does_not_start(up: Up) -> None:
    done = up.run(GATEWAY_ENV_FILE="/dev/null", GATEWAY_API_HOST="0.0.0.0")
    assert done.returncode == 1
    assert "there is no GATEWAY_API_KEY" in done.stderr


def test_state_that_cannot_be_written_is_one_sentence(up: Up) -> None:
    up.state.write_text("a file")
    done = up.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be written" in done.stderr


def test_lost_password_of_the_private_broker_is_told(up: Up) -> None:
    (up.state / "broker" / "data").mkdir(parents=True)
    done = up.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is missing or damaged" in done.stderr

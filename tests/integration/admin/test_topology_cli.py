"""`gateway topology` against a real broker: exit codes, JSON, pictures, sentences, boot."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from admin.topology import app
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError
from broker_topology.topology import build
from common.errors import ArgumentError
from deploy.local.node import Node
from deploy.local.server import find_scripts


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("PASSWORD@", "wrong@"), "refuses user"),
        (("/VHOST", "/nowhere"), "no vhost 'nowhere'"),
        ((":PORT", ":1"), "No broker answers at 127.0.0.1:1"),
        (("127.0.0.1", "broker.invalid"), "host name 'broker.invalid' is unknown"),
        (("amqp://", "amqps://"), "TLS with"),
    ],
)
def test_unreachable_broker_is_told_in_one_sentence(
    broker: Node, vhost_url: str, change: tuple[str, str], sentence: str
) -> None:
    words = {
        "PASSWORD": broker.password,
        "VHOST": urlsplit(vhost_url).path[1:],
        "PORT": str(broker.amqp_port),
    }
    before, after = (
        next((text.replace(word, words[word]) for word in words if word in text), text)
        for text in change
    )
    url = vhost_url.replace(before, after)
    assert url != vhost_url

    outcome = CliRunner().invoke(app, ["check", "--url", url])

    assert outcome.exit_code == 2
    assert sentence in outcome.stderr
    assert ":***@" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["apply", "--url", "nonsense"], "--url nonsense must begin with amqp:// or amqps://."),
        (["users", "--url", "http://ada:secret@x"], "--url http://ada:***@x must begin with"),
        (["check", "--management-url", "http://[::1"], "'http://[::1' is no address such as"),
        (["users", "--management-url", "mq1:15672"], "'mq1:15672' is no address such as"),
        (["export", "--with-user", "--url", "amqp://x"], "names no user and password"),
        (["export", "--output", "/dev/null/x"], "cannot be written: Not a directory"),
    ],
)
def test_wrong_arguments_are_exit_code_2_and_a_sentence(words: list[str], sentence: str) -> None:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, ArgumentError)
    assert error.exit_code == 2
    assert sentence in str(error)


def test_silent_port_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_topology.connect.CONNECT_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TopologyError, match="No broker answers"):
            apply(f"amqp://127.0.0.1:{port}/")


def test_port_of_another_protocol_ends_in_a_sentence() -> None:
    def answer_in_http(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(8)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as web, ThreadPoolExecutor(1) as pool:
        answered = pool.submit(answer_in_http, web)
        with pytest.raises(TopologyError, match="does not speak AMQP"):
            apply(f"amqp://127.0.0.1:{web.getsockname()[1]}/")
        answered.result(timeout=10)


def test_commands_exit_codes_and_json(broker: Node, vhost_url: str) -> None:
    at = ["--url", vhost_url, "--json"]
    by_management = [*at, "--management-url", broker.management_url]

    before = CliRunner().invoke(app, ["check", *by_management])
    applied = CliRunner().invoke(app, ["apply", *at])
    after = CliRunner().invoke(app, ["check", *by_management])

    assert (before.exit_code, applied.exit_code, after.exit_code) == (1, 0, 0)
    assert json.loads(before.stdout)["differences"][0]["remedy"] == "run `gateway topology apply`"
    assert json.loads(applied.stdout)["queues"] == len(build().queues)
    assert json.loads(after.stdout) == {
        "same": True,
        "bindings_checked": True,
        "notes": [],
        "differences": [],
        "gaps": [],
    }


def test_differences_are_shown_as_a_table(broker: Node, vhost_url: str) -> None:
    outcome = CliRunner().invoke(
        app, ["check", "--url", vhost_url, "--management-url", broker.management_url]
    )
    assert outcome.exit_code == 1
    assert "telegram.normal" in outcome.stdout
    assert "missing queue: run `gateway topology apply`" in outcome.stdout


def test_picture_shows_every_queue_and_key() -> None:
    outcome = CliRunner().invoke(app, ["show"])
    shown = CliRunner().invoke(app, ["show", "--json"])

    assert outcome.exit_code == 0
    for binding in build().bindings:
        assert binding.key in outcome.stdout
        assert binding.queue in outcome.stdout
    assert len(json.loads(shown.stdout)["queues"]) == len(build().queues)


def test_unwritable_export_is_told_in_one_sentence(vhost_url: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["export", "--url", vhost_url, "--output", str(tmp_path)])
    assert isinstance(outcome.exception, ArgumentError)
    assert "cannot be written" in str(outcome.exception)


@pytest.mark.skipif(find_scripts() is None, reason="needs rabbitmq-server on this machine")
def test_fresh_broker_boots_from_the_export_into_the_same_topology(tmp_path: Path) -> None:
    node = Node.create(tmp_path / "node", user="ada", password="p_w")
    url = node.amqp_url("gw")
    file = node.directory / "definitions.json"
    command = ["export", "--url", url, "--with-user", "--output", str(file)]
    outcome = CliRunner().invoke(app, command)
    assert outcome.exit_code == 0
    (node.directory / "conf.d").mkdir()
    (node.directory / "conf.d" / "boot.conf").write_text(f"load_definitions = {file}\n")

    with node:
        diff = check(url, node.management_url)

    assert diff.same
    assert diff.bindings_checked

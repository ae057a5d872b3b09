"""The private RabbitMQ node: its life, its crash, and that nothing of it is left behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pika.exceptions
import pytest

from deploy.local import node as local_node
from deploy.local.node import BrokerError, Node, free_port
from tests.support.polling import until

ROOT = Path(__file__).parents[3]

# A process that owns a node and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from deploy.local.node import Node
node = Node.create(Path(sys.argv[1]))
node.start()
print("up", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    directory = tmp_path_factory.mktemp("checkout") / "with spaces" / "und Größe и ещё"
    with Node.create(directory) as node:
        yield node


def connect(url: str, **settings: float) -> pika.BlockingConnection:
    parameters = pika.URLParameters(url)
    for name, value in settings.items():
        setattr(parameters, name, value)
    return pika.BlockingConnection(parameters)


def publish(connection: pika.BlockingConnection, body: bytes) -> None:
    """Publish one persistent message to the quorum queue `kept` and await its confirm."""
    channel = connection.channel()
    channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    channel.basic_publish("", "kept", body, persistent, mandatory=True)


def take(url: str) -> bytes:
    """Take one message from `kept`, whose leader may still be being elected."""

    def taken() -> bytes | None:
        with contextlib.suppress(pika.exceptions.AMQPError), connect(url) as connection:
            _, _, body = connection.channel().basic_get("kept", auto_ack=True)
            return None if body is None else bytes(body)
        return None

    body: bytes = until(taken)
    return body


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and theirs."""
    children: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(path.parent.name))
    found, unseen = set[int](), children.get(pid, set())
    while unseen:
        found |= unseen
        unseen = {child for parent in unseen for child in children.get(parent, set())} - found
    return found


def living(pids: set[int]) -> set[int]:
    """Those of the processes that run; a zombie has no command line."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def listening_addresses(pid: int) -> set[str]:
    """The IPv4 and IPv6 addresses, in hexadecimal, on which a process listens."""
    sockets = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].split(":")[0])
    return found


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "broker")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


def test_node_listens_on_loopback_only(node: Node) -> None:
    pid = int((node.directory / "beam.pid").read_text())
    epmd = int(next(node.directory.glob("epmd-*.pid")).read_text())
    loopback = {"0100007F", "00000000000000000000000001000000"}
    assert listening_addresses(pid) == {"0100007F"}
    assert "0100007F" in listening_addresses(epmd) <= loopback


def test_new_vhost_accepts_messages_until_deleted(node: Node) -> None:
    url = node.add_vhost("a/b c")
    with connect(url) as connection:
        publish(connection, b"one")
    node.delete_vhost("a/b c")
    with pytest.raises(pika.exceptions.AMQPError):
        connect(url)


def test_ctl_reaches_this_node(node: Node) -> None:
    assert node.ctl("eval", "node().").strip() == "gateway@localhost"
    with pytest.raises(BrokerError, match="rabbitmqctl --silent no_such_command"):
        node.ctl("no_such_command")


def test_memory_alarm_blocks_publishers_until_cleared(node: Node) -> None:
    url = node.add_vhost("alarm")
    node.set_memory_alarm(True)
    try:
        with (
            pytest.raises(pika.exceptions.ConnectionBlockedTimeout),
            connect(url, blocked_connection_timeout=0.5) as blocked,
        ):
            publish(blocked, b"held")
    finally:
        node.set_memory_alarm(False)
    with connect(url, blocked_connection_timeout=60) as connection:
        publish(connection, b"free")


def test_second_owner_of_a_directory_is_refused(node: Node) -> None:
    with pytest.raises(BrokerError, match="in use by another process"):
        Node.create(node.directory).start()
    assert node.is_running()
    assert node.ctl("eval", "1.").strip() == "1"


def test_confirmed_message_survives_kill_and_restart(node: Node) -> None:
    url = node.add_vhost("crash")
    # RabbitMQ 3.10 writes its register of quorum queues to disk half a second after a queue was
    # declared, and does not find a queue's messages again after a crash before that.
    register = next(node.directory.glob("data/*/quorum/*/names.dets"))
    with connect(url) as connection:
        publish(connection, b"first")
        until(lambda: b"crash_kept" in register.read_bytes())
        publish(connection, b"second")
    node.kill()
    assert not node.is_running()
    node.start()
    assert [take(url), take(url)] == [b"first", b"second"]


def test_stopped_node_leaves_no_process(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    node = Node.create(tmp_path / "broker")
    node.start()
    running = descendants(os.getpid()) - before
    assert len(running) >= 4  # the server, the port mapper and a guard for each
    node.stop()
    node.stop()
    assert not node.is_running()
    until(lambda: not living(running))


def test_killed_owner_leaves_no_process(owner: subprocess.Popen[str]) -> None:
    running = descendants(owner.pid)
    assert len(running) >= 4
    owner.kill()
    owner.wait()
    until(lambda: not living(running))


def test_leftover_node_is_ended_by_the_next_start(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    running = descendants(owner.pid)
    guards = {pid for pid in running if b"guard.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    for guard in guards:
        os.kill(guard, signal.SIGKILL)
    owner.kill()
    owner.wait()
    try:
        server = int((tmp_path / "broker" / "beam.pid").read_text())
        assert server in living(running)
        with Node.create(tmp_path / "broker") as node:
            until(lambda: not living(running))
            assert node.ctl("eval", "1.").strip() == "1"
    finally:
        for pid in living(running):
            os.kill(pid, signal.SIGKILL)


def test_occupied_port_is_reported_and_nothing_left(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        node = Node.create(tmp_path / "broker", amqp_port=occupied.getsockname()[1])
        with pytest.raises(BrokerError, match="another program has its port"):
            node.start()
    assert not node.is_running()
    until(lambda: not living(descendants(os.getpid()) - before))


def test_names_that_would_break_the_configuration_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="letters, digits"):
        Node.create(tmp_path, password="with space")


def test_free_ports_are_distinct_and_free() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])):
        pass


def test_port_that_was_given_to_one_process_is_given_to_no_other() -> None:
    """Who was given it may not listen there yet, or not at the moment."""
    given, other = free_port(), free_port()
    code = (
        "import random\n"
        f"random.sample = lambda *_, **__: [{given}, {other}, *range(20_000, 32_768)]\n"
        "from deploy.local.node import free_port; print(free_port())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) not in (given, other)


def test_neither_server_nor_engine_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_node, "find_scripts", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="install the package rabbitmq-server, or start docker"):
        Node.create(tmp_path / "broker")


FAKE_ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >> "{record}"
case $1 in
    run) exec sleep 300 ;;
    exec) echo answer ;;
esac
"""


def test_container_engine_stands_in_with_ports_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(FAKE_ENGINE.format(record=record))
    engine.chmod(0o755)
    monkeypatch.setattr(local_node, "find_scripts", lambda: None)
    monkeypatch.setenv("PATH", f"{engine.parent}:{os.environ['PATH']}")

    node = Node.create(tmp_path / "node", amqp_port=20001, management_port=20002)
    with pytest.raises(BrokerError, match="was not ready within 2 s"):
        node.start(timeout_s=2)

    said = record.read_text()
    assert "--publish=127.0.0.1:20001:5672 --publish=127.0.0.1:20002:15672" in said
    assert f"--volume {tmp_path}/node/data:/var/lib/rabbitmq:Z" in said
    assert re.search(r"^rm --force gateway-[0-9a-f]{12}$", said.splitlines()[-1])
    assert "listeners.tcp.1 = 0.0.0.0:5672" in (tmp_path / "node" / "rabbitmq.conf").read_text()
    assert not node.is_running()


@pytest.mark.long
def test_cluster_of_three_keeps_a_message_when_one_is_killed(tmp_path: Path) -> None:
    with (
        Node.create(tmp_path / "r1", name="r1") as first,
        Node.create(tmp_path / "r2", name="r2", cluster_of=first) as second,
        Node.create(tmp_path / "r3", name="r3", cluster_of=first) as third,
    ):
        with connect(first.amqp_url()) as connection:
            publish(connection, b"kept")
        first.kill()
        assert take(third.amqp_url()) == b"kept"
        first.start()
        with connect(first.amqp_url()) as connection:
            publish(connection, b"again")
        assert take(second.amqp_url()) == b"again"
        running = descendants(os.getpid())
    until(lambda: not living(running))

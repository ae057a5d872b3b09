"""`gateway demo` as a newcomer runs it, with its whole tree of processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker_topology.apply import apply, present
from deploy.broker import Node
from deploy.stack import checkout
from tests.processes import DEAF, working_for
from tests.running import until
from tests.support import count

DEMO = [sys.executable, "-P", "-m", "admin", "demo"]


def processes_of_the_demo(directory: Path) -> list[str]:
    """Command lines of living processes that work for a demo which was started in a directory."""
    return working_for(directory, "TEST_MARK=demo", str(checkout() / ".gateway" / "demo"))


@pytest.fixture
def environment() -> dict[str, str]:
    """The demo's processes inherit a mark, by which a leftover is found."""
    return os.environ | {"TEST_MARK": "demo", "COLUMNS": "100"}


@contextmanager
def started_demo(
    environment: dict[str, str], output: Path, words: str, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that has come as far as to say these words; killed at the end if it still runs."""
    with output.open("w") as sink:
        demo = subprocess.Popen(DEMO, env=environment, cwd=output.parent, stdout=sink, stderr=sink)
    try:
        until(lambda: words in output.read_text() or demo.poll() is not None, 90)
        assert demo.poll() is None, output.read_text()
        yield demo
    finally:
        demo.kill()
        demo.wait()


def test_demo_shows_everything_arriving_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Order shipped", "twice+al@example.com", "bot was blocked", "/docs"):
        assert words in done.stdout
    assert re.search(r"refused twice .*sent.*3 ", done.stdout)
    until(lambda: not processes_of_the_demo(tmp_path), 10)


@pytest.mark.parametrize(
    ("number", "before"),
    [
        (signal.SIGINT, []),
        pytest.param(signal.SIGTERM, DEAF, marks=pytest.mark.long),
    ],
    ids=["ctrl-c", "kill where ctrl-c is not heard"],
)
def test_interrupted_demo_leaves_nothing(
    environment: dict[str, str], number: signal.Signals, before: list[str], tmp_path: Path
) -> None:
    with started_demo(environment, tmp_path / "output", "Press Ctrl-C", before) as demo:
        running = processes_of_the_demo(tmp_path)
        assert len(running) > 8
        assert any(line.split()[0].endswith("/epmd") for line in running)
        demo.send_signal(number)
        assert demo.wait(40) == 0
    assert "Traceback" not in (tmp_path / "output").read_text()
    until(lambda: not processes_of_the_demo(tmp_path), 10)


def test_demo_interrupted_while_its_broker_starts_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with started_demo(environment, tmp_path / "output", "Starting RabbitMQ") as demo:
        until(lambda: any("rabbit boot" in line for line in processes_of_the_demo(tmp_path)))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(40) == 130
    assert "Traceback" not in (tmp_path / "output").read_text()
    until(lambda: not processes_of_the_demo(tmp_path), 10)


def test_demo_killed_outright_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    with started_demo(environment, tmp_path / "output", "Press Ctrl-C") as demo:
        demo.kill()
    until(lambda: not processes_of_the_demo(tmp_path), 15)


def test_demo_on_a_given_broker_takes_its_queues_away_again(
    environment: dict[str, str], vhost_url: str
) -> None:
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment | {"GATEWAY_AMQP_URL": vhost_url},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert present(vhost_url) == []


def test_demo_keeps_its_hands_off_a_gateway_in_use(
    environment: dict[str, str], vhost_url: str, broker: Node
) -> None:
    apply(vhost_url)
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment | {"GATEWAY_AMQP_URL": vhost_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "has a gateway's queues already" in done.stderr
    assert f":{broker.password}@" not in done.stderr
    assert count(vhost_url, "email.normal") == 0


@pytest.mark.parametrize("by_file", [False, True])
def test_unreachable_given_broker_is_one_sentence(
    environment: dict[str, str], tmp_path: Path, *, by_file: bool
) -> None:
    url = "amqp://guest:guest@127.0.0.1:1/"
    (tmp_path / "url").write_text(url)
    given = (
        {"GATEWAY_AMQP_URL_FILE": str(tmp_path / "url")} if by_file else {"GATEWAY_AMQP_URL": url}
    )
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No broker answers at 127.0.0.1:1" in done.stderr

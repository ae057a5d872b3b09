"""`gateway demo` as a newcomer runs it, with its whole tree of processes."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from broker_topology.apply import apply, present
from deploy.local.node import Node
from deploy.local.stack import checkout
from tests.support.browsing.last_words import read_last_words, see_time_lines, send_again, unblock
from tests.support.browsing.pages import looking_at
from tests.support.polling import until
from tests.support.processes.demos import DEMO, started_demo
from tests.support.processes.terminal import at_terminal, too_wide
from tests.support.processes.working import DEAF, working_for
from tests.support.queues import count


def processes_of_the_demo(directory: Path) -> list[str]:
    """Command lines of living processes that work for a demo which was started in a directory."""
    return working_for(directory, str(checkout() / ".gateway" / "demo"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The demo's processes inherit a mark of this test's, by which a leftover is found."""
    return os.environ | {"TEST_MARK": str(tmp_path), "COLUMNS": "100"}


def test_demo_shows_everything_arriving_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "Order shipped",
        "twice+al@example.com",
        "bot was blocked",
        "./gateway up --init",
    ):
        assert words in done.stdout
    shown = done.stdout.replace("webhook:http://", "")
    assert "http://" not in shown, "what is over cannot be looked at"
    assert re.search(r"refused twice .*sent.*3 ", done.stdout)
    until(lambda: not processes_of_the_demo(tmp_path))


@pytest.mark.long
def test_demo_ends_well_where_output_is_ascii(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment | {"PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the senders ?" in done.stdout


@pytest.mark.long
def test_commands_in_another_terminal_use_the_demo_and_ctrl_c_leaves_nothing_of_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    def gateway(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "admin", *words]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert "gateway: using the demo that runs here" in done.stderr
        return done

    with started_demo(environment, tmp_path / "output", "Press Ctrl-C") as demo:
        sent = gateway("send", "telegram:42", "--text", "hi", "--wait", "--json")
        assert (sent.returncode, json.loads(sent.stdout)["result"]) == (0, "sent")
        [letter] = json.loads(gateway("dead", "list", "--json").stdout)
        assert letter["message"] == "Forbidden: bot was blocked by the user"
        assert gateway("topology", "check").returncode == 0
        doctor = json.loads(gateway("doctor", "--json").stdout)
        assert {one["check"] for one in doctor["checks"] if one["state"] == "wrong"} == set()
        interrupt(demo, signal.SIGINT, tmp_path)


@pytest.mark.asyncio(loop_scope="session")
async def test_dead_letter_of_the_demo_arrives_when_its_last_words_are_followed(
    browser: Browser, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    running = started_demo(os.environ | {"COLUMNS": "60"}, output, "notifications/")
    demo = await asyncio.to_thread(running.__enter__)
    try:
        console, inbox, dead, one = read_last_words(output.read_text())
        async with looking_at(console.rstrip("/"), browser) as looking:
            await see_time_lines(looking)
            async with looking.page(one.removeprefix(looking.url)) as line:
                await line.wait_for_selector(".lifeline .badge.failed")
                await line.evaluate("window.isStillHere = true")
                await unblock(looking, inbox)
                await send_again(looking, dead)
                await line.wait_for_selector(".lifeline .badge.sent", timeout=20_000)
                assert await line.evaluate("window.isStillHere")
                facts = await line.inner_text(".facts")
                assert "Forbidden: bot was blocked by the user" in facts
                assert "sent" in facts.lower()
        demo.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(partial(demo.wait, 40)) == 0
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.mark.long
def test_demo_that_is_deaf_to_ctrl_c_leaves_nothing_when_it_is_ended(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with started_demo(environment, tmp_path / "output", "Press Ctrl-C", DEAF) as demo:
        interrupt(demo, signal.SIGTERM, tmp_path)


def interrupt(demo: subprocess.Popen[bytes], number: signal.Signals, directory: Path) -> None:
    """End a demo; it had all that it needs, and leaves nothing of it."""
    running = processes_of_the_demo(directory)
    assert len(running) > 8
    assert any(line.split()[0].endswith("/epmd") for line in running)
    demo.send_signal(number)
    assert demo.wait(60) == 0
    assert "Traceback" not in (directory / "output").read_text()
    until(lambda: not processes_of_the_demo(directory))


def api_of(output: str) -> str:
    found = re.search(r"API docs +(\S+)/docs", output)
    assert found, output
    return found[1]


def post(api: str, to: str) -> str:
    """POST a notification; the id of its delivery."""
    request = {"to": to, "text": "hello", "subject": "Hello"}
    delivery_id: str = httpx.post(f"{api}/v1/notifications", json=request, timeout=30).json()[
        "deliveries"
    ][0]["id"]
    return delivery_id


@pytest.mark.long
def test_terminal_of_60_columns_shows_what_else_is_sent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with at_terminal(DEMO, environment, tmp_path, 60) as terminal:
        until(lambda: "What you send appears here" in terminal.text, 200)
        assert "What to try next" in terminal.text
        api = api_of(terminal.text)
        dead = post(api, "telegram:900001001")
        post(api, "email:twice+you@example.com")
        until(lambda: f"./gateway dead show {dead}\n" in terminal.text)
        until(lambda: re.search(r"twice\+you@example.com +retrying +1 try", terminal.text))
        until(lambda: re.search(r"twice\+you@example.com +sent +3 tries", terminal.text))
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == 0
    assert "refused before: 451" in terminal.text
    assert too_wide(terminal.text, 60) == []


@pytest.mark.long
def test_pipe_gets_a_line_for_each_thing_that_becomes_true(
    environment: dict[str, str], tmp_path: Path
) -> None:
    del environment["COLUMNS"]
    with started_demo(environment, tmp_path / "output", "Press Ctrl-C") as demo:
        output = tmp_path / "output"
        api = api_of(output.read_text())
        dead = post(api, "telegram:900001001")
        until(lambda: "telegram:900001001  failed" in output.read_text())
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert "\nWhat arrived" in output.read_text()
    lines = [one for one in output.read_text().splitlines() if one.startswith("telegram:900001001")]
    assert re.fullmatch(r"telegram:900001001  queued  0 tries  \d\.\d s", lines[0])
    assert re.fullmatch(
        r"telegram:900001001  failed  1 try  \d\.\d s  "
        rf"403 Forbidden: bot was blocked by the user; \./gateway dead show {dead}",
        lines[1],
    )


def test_demo_interrupted_while_its_broker_starts_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with started_demo(environment, tmp_path / "output", "Starting RabbitMQ") as demo:
        until(lambda: any("rabbit boot" in line for line in processes_of_the_demo(tmp_path)))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130
    assert "Traceback" not in (tmp_path / "output").read_text()
    until(lambda: not processes_of_the_demo(tmp_path))


def test_demo_killed_outright_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    with started_demo(environment, tmp_path / "output", "Press Ctrl-C") as demo:
        demo.kill()
    until(lambda: not processes_of_the_demo(tmp_path))


def test_demo_on_a_given_broker_takes_its_queues_away_again(
    environment: dict[str, str], vhost_url: str
) -> None:
    done = subprocess.run(
        [*DEMO, "--exit"],
        env=environment | {"GATEWAY_AMQP_URL": vhost_url},
        capture_output=True,
        text=True,
        timeout=240,
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
        timeout=120,
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
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No broker answers at 127.0.0.1:1" in done.stderr

"""`gateway stats`: numbers of a window, and a plot at a terminal only."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from broker_topology.facts import Fact
from common.channels import Channel
from common.envelope import EventType
from common.times import utc_now
from tests.support.happenings import accepted, event
from tests.support.polling import until
from tests.support.processes.telling import Telling
from tests.support.processes.terminal import at_terminal
from tests.support.stored import new_deliveries, store


@pytest.fixture(scope="module", autouse=True)
def _happened(gateway: Telling) -> None:
    """Three of VK sent within 50 ms, one of VK failed."""
    facts: list[Fact] = []
    for kind in (EventType.SENT, EventType.SENT, EventType.SENT, EventType.FAILED):
        [one] = new_deliveries(channel=Channel.VK, address="4000")
        at = one.accepted_at + timedelta(milliseconds=50)
        facts += [accepted(one), event(one, kind, at=at)]
    store(gateway.database, *facts)


def test_counts_success_and_latency_of_one_channel(gateway: Telling) -> None:
    shown = gateway.run("stats", "--channel", "vk", "--since", "1h").stdout
    rows = dict(line.rsplit(maxsplit=1) for line in shown.splitlines()[2:6])
    assert (rows["accepted"], rows["sent"], rows["failed"]) == ("4", "3", "1")
    assert "75.0 %" in shown
    assert "p95 within" in shown
    assert "█" not in shown


def test_json_is_what_the_api_tells(gateway: Telling) -> None:
    told = json.loads(gateway.run("stats", "--channel", "vk", "--json").stdout)
    assert told["channels"].keys() == {"vk"}
    assert told["channels"]["vk"]["success_rate"] == 0.75
    buckets = [one["channels"]["vk"] for one in told["buckets"]]
    assert sum(one.get("sent", 0) for one in buckets) == 3  # the hour may have ended in between
    assert "email" in json.loads(gateway.run("stats", "--json").stdout)["channels"]


def test_quiet_time_is_said_to_be_one(gateway: Telling) -> None:
    done = gateway.run("stats", "--channel", "webhook", "--since", "1m")
    assert done.stdout == ""
    assert done.stderr.startswith("Nothing happened between ")


@pytest.mark.parametrize("since", ["1m", "1h", "24h", "30d", "300d"])
def test_plot_fits_a_terminal_of_60_columns(gateway: Telling, tmp_path: Path, since: str) -> None:
    command = gateway.command("stats", "--channel", "vk", "--since", since)
    with at_terminal(command, gateway.environment, tmp_path, 60) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "█" in terminal.text)
    assert max(map(len, terminal.text.splitlines())) <= 60
    assert len(terminal.text.splitlines()) < 45 or since == "300d"


@pytest.mark.parametrize("since", ["500d", "soon", "", "in two days"])
def test_window_that_makes_no_sense_is_refused(gateway: Telling, since: str) -> None:
    to_come = f"{utc_now() + timedelta(days=2):%F}"
    done = gateway.run("stats", "--since", to_come if since == "in two days" else since)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("gateway: ")

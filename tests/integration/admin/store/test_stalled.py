"""`gateway stalled`: what nothing is heard of is listed, and sent again as it was accepted."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from subprocess import PIPE
from typing import Any
from uuid import uuid4

import pytest

from common.channels import Channel
from common.envelope import Delivery
from common.times import utc_now
from deploy.local.node import Node
from journal.sweeper import sweep
from tests.support.happenings import accepted
from tests.support.processes.telling import Done, Telling, telling
from tests.support.queues import count, take
from tests.support.stored import new_deliveries, store

AFTER_S = 3600


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    with telling(broker, tmp_path_factory.mktemp("stalled"), "stalled") as running:
        yield running


@pytest.fixture
def stalled(gateway: Telling) -> Delivery:
    """It was accepted long ago, and is in no queue."""
    [one] = new_deliveries(
        channel=Channel.VK,
        address="4000",
        text=f"hello {uuid4()}",
        accepted_at=utc_now() - timedelta(hours=2),
        expires_at=utc_now() + timedelta(hours=22),
    )
    store(gateway.database, accepted(one), heard_at=utc_now())
    sweep(gateway.database, AFTER_S)
    return one


def listed(gateway: Telling) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(gateway.run("stalled", "list", "--json").stdout)
    return told


def resend(gateway: Telling, *words: str) -> Done:
    return gateway.run("stalled", "resend", *words)


def test_resent_one_is_in_its_queue_again_and_stalled_no_more(
    gateway: Telling, stalled: Delivery
) -> None:
    assert [one["id"] for one in listed(gateway)] == [stalled.id]
    assert stalled.id in gateway.run("stalled", "list").stdout
    done = resend(gateway, stalled.id, "--yes")
    assert (done.code, done.stdout) == (0, "1 stalled delivery sent again.\n")
    [(headers, body)] = take(gateway.amqp_url, "vk.normal")
    assert Delivery.decode(body) == stalled
    assert headers["gw-generation"] == 1
    assert listed(gateway) == []
    assert resend(gateway, "--all", "--yes").stdout == "0 stalled deliveries sent again.\n"
    told = json.loads(gateway.run("status", stalled.id, "--json").stdout)["deliveries"][0]
    assert (told["status"], told["generation"]) == ("queued", 1)


def test_two_at_once_send_it_once(gateway: Telling, stalled: Delivery) -> None:
    words = gateway.command("stalled", "resend", stalled.id, "--yes")
    both = [
        subprocess.Popen(words, env=gateway.environment, stdout=PIPE, text=True) for _ in range(2)
    ]
    told = [one.communicate()[0] for one in both]
    assert "1 stalled delivery sent again.\n" in told
    assert len(take(gateway.amqp_url, "vk.normal")) == 1


def test_nothing_is_sent_without_a_yes_or_a_choice(gateway: Telling, stalled: Delivery) -> None:
    sentences = {
        "Say which: ids, or --all": resend(gateway, "--yes"),
        "Send 1 stalled delivery again? Standard input is no terminal": resend(gateway, "--all"),
        "'ada' is no id of a delivery": resend(gateway, "ada"),
    }
    for sentence, done in sentences.items():
        assert sentence in done.stderr
        assert (done.code, done.stdout) == (2, "")
    dry = json.loads(resend(gateway, "--all", "--dry-run", "--json").stdout)
    assert dry == {"would_resend": 1, "erased": 0, "missing": []}
    assert count(gateway.amqp_url, "vk.normal") == 0
    assert resend(gateway, "--all", "--yes").code == 0
    take(gateway.amqp_url, "vk.normal")


def test_id_that_is_not_stalled_is_named(gateway: Telling) -> None:
    [other] = new_deliveries()
    done = resend(gateway, other.id, "--yes", "--json")
    assert (done.code, json.loads(done.stdout)["missing"]) == (1, [other.id])
    assert f"{other.id} is not stalled" in done.stderr


def test_none_is_said_to_be_none(gateway: Telling) -> None:
    done = gateway.run("stalled", "list")
    assert (done.code, done.stdout, done.stderr) == (0, "", "No stalled deliveries.\n")


def test_list_is_cut_at_the_limit(gateway: Telling, stalled: Delivery) -> None:
    [second] = new_deliveries(accepted_at=utc_now() - timedelta(hours=2))
    store(gateway.database, accepted(second), heard_at=utc_now())
    sweep(gateway.database, AFTER_S)
    done = gateway.run("stalled", "list", "--limit", "1")
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "1 of 2; --limit 0 lists all.\n"
    assert resend(gateway, "--all", "--yes").stdout == "2 stalled deliveries sent again.\n"

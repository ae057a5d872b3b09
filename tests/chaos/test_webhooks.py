"""Webhooks arrive, signed, though their sender is killed again and again."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from common.channels import Channel
from deploy.local.node import Node
from deploy.local.stack import SANDBOX_SECRET, sandbox_address
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway

SENDER = "sender-webhook"


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def kill_sender(gateway: Gateway) -> None:
    """Kill it and wait until its successor has begun: up to 30 s later when it keeps dying."""
    starts = {one.name: one.starts for one in gateway.stack.services}[SENDER]
    os.kill(gateway.stack.pid(SENDER), signal.SIGKILL)
    [service] = [one for one in gateway.stack.services if one.name == SENDER]
    until(lambda: service.starts > starts and service.is_running, 60)


def is_signed(entry: dict[str, Any]) -> bool:
    """Whether the published library takes what the sandbox got, byte for byte."""
    headers = dict(entry["headers"])
    Webhook(SANDBOX_SECRET).verify(entry["params"]["body"], headers)
    return bool(entry["signature"] == "valid")


@pytest.mark.parametrize(("kills", "each"), [(2, 50), pytest.param(5, 100, marks=pytest.mark.long)])
def test_sender_killed_in_its_calls_loses_none_and_repeats_under_the_same_id(
    gateway: Gateway, kills: int, each: int
) -> None:
    gateway.sandbox.delete("/inbox")
    address = sandbox_address(Channel.WEBHOOK, str(gateway.sandbox.base_url).rstrip("/"))
    accepted: list[str] = []
    for kill in range(kills):
        # Two are taken and cut off before the answer; four are being taken when it is killed.
        gateway.fail_next("webhook", "accept_then_reset", count=2)
        gateway.fail_next("webhook", "slow", count=4)
        accepted += gateway.accepted(*(f"webhook:{address}/{kill}-{n}" for n in range(each)))
        until(lambda: not gateway.sandbox.get("/faults").json()["pending"])
        kill_sender(gateway)

    # Repetitions go on arriving: one answer tells the entries and how many of them are repeated.
    def arrived() -> dict[str, Any] | None:
        told: dict[str, Any] = gateway.sandbox.get("/inbox.json").json()
        ids = {one["delivery_id"] for one in told["entries"]}
        return told if ids >= set(accepted) and told["duplicates"] >= 2 * kills else None

    told = until(arrived, 110)
    found = told["entries"]
    ids = Counter(dict(one["headers"])["webhook-id"] for one in found)
    assert set(ids) == set(accepted)
    assert len(accepted) == each * kills
    assert all(map(is_signed, found))
    assert sum(ids.values()) - len(accepted) == told["duplicates"]

"""Callbacks arrive, signed, though those who make and send them are killed at random moments."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from broker_topology.rights import JOURNAL
from common.channels import Channel
from common.settings import load_settings
from deploy.local.node import Node
from deploy.local.stack import SANDBOX_ROOT_SECRET, SANDBOX_SECRET, sandbox_address
from store.callbacks.changes import secret_of
from store.callbacks.endpoints import set_events
from store.database import Database
from store.schema import upgrade
from tests.support.clients.keys import Key, bearer, made_key
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway

VICTIMS = (JOURNAL, "sender-webhook")
SIMPLE_KEY = "the-simple-key-of-this-very-test"
EACH = 2  # delivery.sent and notification.completed


@pytest.fixture
def keyed(database: Database) -> Key:
    """A key whose receiver is told of all that it sends; made before the gateway begins."""
    return made_key(database)


@pytest.fixture
def gateway(
    broker: Node, store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    upgrade(store_url)
    directory = tmp_path_factory.mktemp("gateway")
    with running_gateway(broker, directory, database_url=store_url, api_key=SIMPLE_KEY) as gateway:
        yield gateway


def kill(gateway: Gateway, name: str) -> None:
    """Kill one process, and wait until its successor has begun."""
    [service] = [one for one in gateway.stack.services if one.name == name]
    starts = service.starts
    os.kill(gateway.stack.pid(name), signal.SIGKILL)
    until(lambda: service.starts > starts and service.is_running, 60)


def callbacks(gateway: Gateway) -> list[dict[str, Any]]:
    """What the sandbox took that is none of the notifications themselves."""
    return [one for one in gateway.inbox(channel="webhook") if "/callbacks" in one["recipient"]]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("notifications", "kills"), [(60, 2), pytest.param(1000, 10, marks=pytest.mark.long)]
)
def test_every_callback_arrives_signed_though_journal_and_sender_are_killed(
    keyed: Key, gateway: Gateway, database: Database, notifications: int, kills: int
) -> None:
    base = sandbox_address(Channel.WEBHOOK, str(gateway.sandbox.base_url).rstrip("/"))
    with database.writing() as connection:
        set_events(connection, keyed.id, f"{base}/callbacks", (), 1)
    accepted: list[str] = []
    share = notifications // kills
    for number in range(kills):
        for place in range(share):
            # Half of them by a key that has an endpoint, half by one that asks in the request.
            body = {"to": "vk:123", "text": "hello"}
            asking = body | {"callback_url": f"{base}/callbacks"}
            given = (body, keyed.bearer) if place % 2 else (asking, bearer(SIMPLE_KEY))
            answer = gateway.api.post("/v1/notifications", json=given[0], headers=given[1])
            accepted.append(answer.json()["id"])
        time.sleep(random.uniform(0, 0.5))
        kill(gateway, VICTIMS[number % len(VICTIMS)])

    def ids() -> set[str]:
        return {dict(one["headers"])["webhook-id"] for one in callbacks(gateway)}

    until(lambda: len(ids()) >= EACH * len(accepted), 300)
    found = callbacks(gateway)
    settings = load_settings({"GATEWAY_CALLBACK_ROOT_SECRET": SANDBOX_ROOT_SECRET})
    secrets = {keyed.id: secret_of(settings, keyed.id, 1), None: SANDBOX_SECRET}
    told: list[dict[str, Any]] = []
    for one in found:
        headers = dict(one["headers"])
        body = one["params"]["body"]
        Webhook(secrets[headers.get("gateway-key")]).verify(body, headers)
        told.append(json.loads(body))
    assert all(one["signature"] == "valid" for one in found)
    once = {one["id"]: one for one in told}
    assert len(once) == EACH * len(accepted)
    kinds = Counter((one["type"], one["data"]["notification"]["id"]) for one in once.values())
    assert set(kinds) == {
        (kind, one) for one in accepted for kind in ("delivery.sent", "notification.completed")
    }
    assert set(kinds.values()) == {1}
    by_seq = sorted(one["data"]["seq"] for one in once.values() if "delivery" in one["data"])
    assert len(set(by_seq)) == len(accepted)

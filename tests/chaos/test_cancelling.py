"""What was cancelled ends once, as sent or as cancelled, whatever is killed meanwhile."""

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.node import Node
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import EventLog, count

MANY = 200
LANES = 9


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    lanes = "high:3,normal:3,bulk:3"
    changes = {"telegram_rate": "15/s", "retry_delays": "15s,15s", "telegram_lanes": lanes}
    with running_gateway(broker, tmp_path_factory.mktemp("gateway"), **changes) as gateway:
        yield gateway


def status(gateway: Gateway, notification_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = gateway.api.get(f"/v1/notifications/{notification_id}").json()
    return shown


def accepted(gateway: Gateway, recipient: str) -> str:
    """The id of a delivery, accepted once the broker is there again."""
    until(lambda: gateway.api.get("/readyz").is_success)
    [one] = gateway.accepted(recipient)
    return one


def cancelled(gateway: Gateway, notification_id: str) -> int:
    """Ask until there is an answer that says how it stands: 202, or 409."""

    def ask() -> int | None:
        code = gateway.api.delete(f"/v1/notifications/{notification_id}").status_code
        return code if code in (202, 409) else None

    return int(until(ask))


def test_sender_killed_again_and_again_while_many_are_cancelled(gateway: Gateway) -> None:
    log = EventLog(gateway.amqp_url)
    deliveries = [
        one for number in range(MANY) for one in gateway.accepted(f"telegram:{700_000 + number}")
    ]
    stopping = threading.Event()
    kills = 0

    def kill() -> None:
        nonlocal kills
        while not stopping.wait(random.uniform(0.2, 2.0)):
            with contextlib.suppress(ProcessLookupError, KeyError):
                os.kill(gateway.stack.pid("sender-telegram"), signal.SIGKILL)
                kills += 1

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        random.shuffle(deliveries)
        answers = Counter(cancelled(gateway, one[:36]) for one in deliveries[: MANY * 3 // 4])
    finally:
        stopping.set()
        killing.join()
    until(lambda: count(gateway.amqp_url, "telegram.normal") == 0, 120)
    ends: dict[str, str] = {}

    def are_final() -> bool:
        ends.update({one: status(gateway, one[:36])["status"] for one in deliveries})
        return set(ends.values()) <= {"sent", "cancelled"}

    until(are_final, 120)
    told = Counter((one.delivery_id, one.type.value) for one in log.read())
    arrived = {one["delivery_id"] for one in gateway.inbox(channel="telegram")}
    both = {one for one in deliveries if ends[one] == "cancelled" and one in arrived}
    print(f"{kills} kills, {answers}, {Counter(ends.values())}, {len(both)} both")
    assert kills
    assert answers[202] > MANY // 4
    assert Counter(ends.values())["cancelled"] > MANY // 4
    assert {one for one in deliveries if ends[one] == "sent"} <= arrived
    assert len(both) <= kills * LANES, "only what a killed sender had in hand can be both"
    assert all(ends[one] == "sent" for one in deliveries[MANY * 3 // 4 :])
    assert all(told[one, "cancelled"] for one in deliveries if ends[one] == "cancelled")


def test_marks_survive_a_restart_of_the_broker_and_of_the_sender(
    gateway: Gateway, broker: Node
) -> None:
    gateway.fail_next("telegram", "server_error", recipient="710001")
    one = accepted(gateway, "telegram:710001")
    until(lambda: status(gateway, one[:36])["status"] == "sending")
    assert cancelled(gateway, one[:36]) == 202
    broker.restart()
    with contextlib.suppress(ProcessLookupError):
        os.kill(gateway.stack.pid("sender-telegram"), signal.SIGKILL)
    until(lambda: status(gateway, one[:36])["status"] == "cancelled", 90)
    assert gateway.inbox(recipient="710001") == []
    [delivery] = status(gateway, one[:36])["deliveries"]
    assert delivery["attempts"][0]["perhaps_delivered"]
    assert delivery["cancel_asked_at"]
    other = accepted(gateway, "telegram:710002")
    until(lambda: status(gateway, other[:36])["status"] == "sent")


def test_broker_killed_after_the_answer(gateway: Gateway, broker: Node) -> None:
    gateway.fail_next("telegram", "server_error", recipient="710003")
    one = accepted(gateway, "telegram:710003")
    until(lambda: status(gateway, one[:36])["status"] == "sending")
    assert cancelled(gateway, one[:36]) == 202
    broker.kill()
    broker.start()
    until(lambda: status(gateway, one[:36])["status"] == "cancelled", 90)
    assert gateway.inbox(recipient="710003") == []

"""What was accepted arrives, whatever is killed on its way."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.node import Node
from tests.support.clients.load import ANSWERED_WITHIN_S
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import count


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def recovered(gateway: Gateway) -> bool:
    return gateway.api.get("/readyz").is_success


def test_sender_killed_in_the_middle_of_a_send(gateway: Gateway) -> None:
    gateway.begin_slow("email", "kill@example.com")
    os.kill(gateway.stack.pid("sender-email"), signal.SIGKILL)
    until(lambda: gateway.inbox(recipient="kill@example.com"))
    until(lambda: count(gateway.amqp_url, "email.normal") == 0)


def test_broker_killed_right_after_the_202(gateway: Gateway, broker: Node) -> None:
    gateway.fail_next("telegram", "server_error", recipient="501")
    ids = gateway.accepted("email:after-202@example.com", "telegram:501", "vk:501")
    broker.kill()
    broker.start()
    assert len(ids) == 3
    until(lambda: gateway.inbox(recipient="after-202@example.com"))
    until(lambda: gateway.inbox(channel="telegram", recipient="501"))
    until(lambda: gateway.inbox(channel="vk", recipient="501"))
    until(lambda: recovered(gateway))


def test_broker_restarted_under_load_loses_nothing_accepted(gateway: Gateway, broker: Node) -> None:
    accepted: list[str] = []
    refusals: list[httpx.Response] = []
    durations_s: list[float] = []
    stopping = threading.Event()

    def load() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            began = time.monotonic()
            answer = gateway.post(f"email:load{number}@example.com")
            durations_s.append(time.monotonic() - began)
            if answer.status_code == 202:
                accepted.append(answer.json()["deliveries"][0]["id"])
            else:
                refusals.append(answer)
                time.sleep(0.05)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        until(lambda: len(accepted) >= 100)
        broker.restart()
        before = len(accepted)
        until(lambda: len(accepted) >= before + 100)
    finally:
        stopping.set()
        thread.join()
    assert max(durations_s) < ANSWERED_WITHIN_S
    assert refusals, "the load did not notice the restart"
    assert {answer.status_code for answer in refusals} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refusals)
    until(lambda: {m["delivery_id"] for m in gateway.inbox(channel="email")} >= set(accepted), 60)


def test_memory_alarm_refuses_and_its_end_accepts(gateway: Gateway, broker: Node) -> None:
    broker.set_memory_alarm(True)
    try:
        began = time.monotonic()
        answer = gateway.post("telegram:601")
        assert time.monotonic() - began < ANSWERED_WITHIN_S
        assert answer.status_code == 503
        assert answer.json()["code"] == "broker_blocked"
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        broker.set_memory_alarm(False)
    until(lambda: gateway.post("telegram:602").status_code == 202)
    until(lambda: gateway.inbox(recipient="602"))


def test_stopped_sender_finishes_its_send_exactly_once(gateway: Gateway) -> None:
    gateway.begin_slow("email", "term@example.com")
    os.kill(gateway.stack.pid("sender-email"), signal.SIGTERM)
    until(lambda: gateway.inbox(recipient="term@example.com"))
    gateway.accepted("email:next@example.com")
    until(lambda: gateway.inbox(recipient="next@example.com"))
    assert len(gateway.inbox(recipient="term@example.com")) == 1


def test_api_killed_leaves_what_it_accepted(gateway: Gateway) -> None:
    ids = gateway.accepted("email:orphan@example.com")
    os.kill(gateway.stack.pid("api"), signal.SIGKILL)
    [mail] = until(lambda: gateway.inbox(recipient="orphan@example.com"))
    assert mail["delivery_id"] == ids[0]

    def answers() -> bool:
        try:
            return recovered(gateway)
        except httpx.TransportError:
            return False

    until(answers)

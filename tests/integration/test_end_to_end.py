"""From the POST to the provider: every process real, every protocol real."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.channels import Channel
from deploy.local.node import Node
from deploy.local.stack import Stack, sandbox_address
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import count, take


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway"), Stack) as gateway:
        yield gateway


def test_every_channel_at_once(gateway: Gateway) -> None:
    ids = gateway.accepted(
        "email:ada@example.com",
        "telegram:42",
        "vk:123",
        subject="Order shipped",
        text="Your order is on its way — заказ в пути",
    )
    assert len(ids) == 3
    [mail] = until(lambda: gateway.inbox(channel="email", recipient="ada@example.com"))
    [telegram] = until(lambda: gateway.inbox(channel="telegram", recipient="42"))
    [vk] = until(lambda: gateway.inbox(channel="vk", recipient="123"))
    assert (mail["subject"], mail["delivery_id"]) == ("Order shipped", ids[0])
    for entry in (mail, telegram, vk):
        assert "заказ в пути" in entry["text"]


def test_who_asked_is_called_back_and_410_ends_it_with_an_event(gateway: Gateway) -> None:
    base = sandbox_address(Channel.WEBHOOK, str(gateway.sandbox.base_url).rstrip("/"))
    gone = base.replace("/orders", "/gone/for-good")
    gateway.accepted("vk:123", callback_url=f"{base}/told", tags=["told"])
    gateway.accepted("vk:123", callback_url=gone)
    found = until(
        lambda: told if len(told := gateway.inbox(recipient=f"{base}/told")) == 2 else None
    )
    assert {one["signature"] for one in found} == {"valid"}
    bodies = [json.loads(one["params"]["body"]) for one in found]
    assert {one["type"] for one in bodies} == {"delivery.sent", "notification.completed"}
    assert all(one["data"]["notification"]["tags"] == ["told"] for one in bodies)
    query = {"types": "endpoint.stopped", "after": "0"}
    with gateway.api.stream("GET", "/v1/events", params=query) as events:
        data = next(line for line in events.iter_lines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["to"] == f"webhook:{gone}"
    listed = gateway.api.get("/v1/notifications", params={"channel": "webhook"}).json()["items"]
    assert listed == []
    letters: list[Any] = []  # of both callbacks: other tests want theirs alone

    def has_both() -> bool:
        letters.extend(take(gateway.amqp_url, "webhook.dead"))
        return len(letters) == 2

    until(has_both)


def test_channel_options_reach_the_provider(gateway: Gateway) -> None:
    gateway.accepted(
        "email:options@example.com",
        "telegram:4301",
        "vk:4302",
        text="<b>now</b>",
        html="<p>now</p>",
        email={
            "from_name": "Магазин",
            "reply_to": "help@example.com",
            "cc": ["boss@example.com"],
            "headers": {"List-Unsubscribe": "<https://example.com/u?" + "x" * 200 + ">"},
        },
        telegram={
            "parse_mode": "HTML",
            "disable_notification": True,
            "buttons": [[{"text": "Track", "url": "https://example.com/7"}]],
        },
        vk={"dont_parse_links": True, "keyboard": {"one_time": True, "buttons": []}},
    )
    [mail] = until(lambda: gateway.inbox(recipient="options@example.com"))
    [copy] = until(lambda: gateway.inbox(recipient="boss@example.com"))
    headers = dict(mail["headers"])
    assert headers["Reply-To"] == "help@example.com"
    assert headers["Message-ID"] == dict(copy["headers"])["Message-ID"]
    assert "x" * 200 in headers["List-Unsubscribe"]
    [telegram] = until(lambda: gateway.inbox(recipient="4301"))
    assert telegram["params"]["parse_mode"] == "HTML"
    assert "Track" in str(telegram["params"]["reply_markup"])
    [vk] = until(lambda: gateway.inbox(recipient="4302"))
    assert vk["params"]["dont_parse_links"] == "1"


@pytest.mark.parametrize(
    ("to", "recipient"),
    [
        ("email:twice+bob@example.com", "twice+bob@example.com"),
        ("telegram:900004001", "900004001"),
        ("vk:900004001", "900004001"),
    ],
)
def test_refused_twice_then_accepted(gateway: Gateway, to: str, recipient: str) -> None:
    gateway.accepted(to)
    channel = to.partition(":")[0]
    until(lambda: gateway.inbox(channel=channel, recipient=recipient))
    found = [a for a in gateway.attempts(recipient) if a["channel"] == channel]
    assert [attempt["verdict"] for attempt in found] == ["refused", "refused", "accepted"]


def test_retry_after_is_honoured(gateway: Gateway) -> None:
    gateway.fail_next("telegram", "rate_limit", recipient="77", retry_after_s=3)
    began = time.monotonic()
    gateway.accepted("telegram:77")
    until(lambda: gateway.inbox(recipient="77"))
    assert time.monotonic() - began >= 3
    assert len(gateway.attempts("77")) == 2


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("email:bounce+eve@example.com", "550 5.1.1"),
        ("telegram:900001001", "403"),
        ("vk:900001001", "901"),
    ],
)
def test_rejected_for_good_is_a_dead_letter(gateway: Gateway, to: str, code: str) -> None:
    channel = to.partition(":")[0]
    [delivery_id] = gateway.accepted(to)
    until(lambda: count(gateway.amqp_url, f"{channel}.dead"))
    [(headers, body)] = take(gateway.amqp_url, f"{channel}.dead")
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("rejected", code)
    assert delivery_id.encode() in body


def test_dead_letter_is_found_and_sent_again_over_http(gateway: Gateway) -> None:
    gateway.fail_next("telegram", "blocked", recipient="95")
    [delivery_id] = gateway.accepted("telegram:95")
    letters = until(lambda: gateway.console.get("/v1/dead-letters").json()["dead_letters"])
    assert gateway.api.get("/v1/dead-letters").status_code == 404
    assert [letter["id"] for letter in letters] == [delivery_id]
    answer = gateway.console.post("/v1/dead-letters/requeue", json={"ids": [delivery_id]})
    assert answer.is_success, answer.text
    until(lambda: gateway.inbox(recipient="95"))


def test_reply_lost_after_acceptance_is_sent_again_under_the_same_id(gateway: Gateway) -> None:
    gateway.accepted("email:dropafter+kim@example.com", "vk:900006001")
    until(lambda: len(gateway.inbox(recipient="dropafter+kim@example.com")) == 2)
    mails = gateway.inbox(recipient="dropafter+kim@example.com")
    assert len({dict(mail["headers"])["Message-ID"] for mail in mails}) == 1
    verdicts = until(
        lambda: (
            (found := gateway.attempts("900006001"))[1:]
            and [attempt["verdict"] for attempt in found]
        )
    )
    assert verdicts[-1] == "duplicate", "VK knows the random_id and sends nothing twice"
    assert len(gateway.inbox(recipient="900006001")) == 1


def test_expired_is_not_sent(gateway: Gateway) -> None:
    gateway.fail_next("telegram", "server_error", count=5, recipient="88")
    gateway.accepted("telegram:88", expires_in_s=4)
    until(lambda: count(gateway.amqp_url, "telegram.dead"))
    [(headers, _)] = take(gateway.amqp_url, "telegram.dead")
    assert headers["gw-fail-class"] == "exhausted"
    assert gateway.inbox(recipient="88") == []


def test_webhook_arrives_signed_with_all_that_was_said(gateway: Gateway) -> None:
    url = f"{sandbox_address(Channel.WEBHOOK, str(gateway.sandbox.base_url).rstrip('/'))}/e2e?a=1"
    content = {"subject": "Order 7", "webhook": {"data": {"order": 7}}, "tags": ["orders"]}
    [delivery] = gateway.accepted(f"webhook:{url}", **content)
    [entry] = until(lambda: gateway.inbox(channel="webhook", recipient=url))
    assert (entry["signature"], entry["delivery_id"]) == ("valid", delivery)
    body = json.loads(entry["params"]["body"])
    assert (body["subject"], body["data"], body["tags"]) == ("Order 7", {"order": 7}, ["orders"])


def test_endpoint_that_is_gone_is_a_dead_letter_at_once(gateway: Gateway) -> None:
    url = f"{str(gateway.sandbox.base_url).rstrip('/')}/webhook/gone/7"
    [delivery] = gateway.accepted(f"webhook:{url}")
    [(headers, body)] = until(lambda: take(gateway.amqp_url, "webhook.dead"))
    assert json.loads(body)["id"] == delivery
    assert (headers["gw-fail-class"], headers["gw-fail-code"]) == ("rejected", "gone")


def test_webhook_leaves_for_no_public_address_where_that_is_closed(gateway: Gateway) -> None:
    [delivery] = gateway.accepted("webhook:https://93.184.216.34/hooks")
    [(headers, body)] = until(lambda: take(gateway.amqp_url, "webhook.dead"))
    assert json.loads(body)["id"] == delivery
    assert headers["gw-fail-code"] == "public-address"


def test_one_wrong_recipient_refuses_all(gateway: Gateway) -> None:
    answer = gateway.post("telegram:91", "email:not-an-address", "telegram:92")
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["/to/1"]
    gateway.accepted("telegram:93")
    until(lambda: gateway.inbox(recipient="93"))
    assert gateway.inbox(recipient="91") == gateway.inbox(recipient="92") == []


def test_idle_sender_is_small(gateway: Gateway) -> None:
    for channel in Channel:
        status = Path(f"/proc/{gateway.stack.pid(f'sender-{channel}')}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        assert int(line.split()[1]) / 1024 < 90, f"{channel}: {line}"

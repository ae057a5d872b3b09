"""Webhooks on the wire: what is sent, what is signed, and how much of an answer counts."""

import asyncio
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from common.channels import Priority
from common.envelope import Delivery, WireWebhook
from common.webhooks.signing import derive_key, write_secret
from senders.outcome import Outcome, Rejected, Sent, Throttled, Transient, Unknown
from senders.webhook.connection import MOST_BODY_BYTES
from senders.webhook.patience import Patience
from senders.webhook.provider import WebhookProvider
from tests.support.polling import eventually
from tests.support.providers.receiver import (
    OK,
    ROOT,
    SECRET,
    Receiver,
    Request,
    status,
    webhook_settings,
)
from tests.support.providers.scripted_servers import Answer, Closing, Deed, Endless
from tests.support.queues import make_delivery

LANES = dict.fromkeys(Priority, 4)
OTHER = write_secret(b"o" * 32)


def webhook(receiver: Receiver, **changes: Any) -> Delivery:
    return make_delivery(**{"channel": "webhook", "address": receiver.url()} | changes)


async def outcomes(
    *deliveries: Delivery, timeout_s: float = 5.0, moment_s: float = 2.0, **settings: str
) -> list[Outcome]:
    """What deliveries come to, one after another in one lane."""
    patience = Patience(LANES, timeout_s, moment_s)
    channel = WebhookProvider(webhook_settings(**settings), patience)
    lane = channel.transmitter()
    try:
        return [await lane.send(one) for one in deliveries]
    finally:
        await lane.close()
        await lane.close()  # closing twice is allowed
        await channel.close()


def verified(request: Request, secret: str = SECRET) -> Any:
    return Webhook(secret).verify(request.body, request.headers)


async def test_notification_is_sent_signed_and_with_an_id_that_stays() -> None:
    receiver = Receiver()
    async with receiver.serving():
        delivery = webhook(receiver, subject="Привет", tags=["a"], metadata={"order": 7})
        assert await outcomes(delivery, delivery) == [Sent(message="HTTP status 204")] * 2

    first, again = receiver.requests
    assert first.line == "POST /hooks HTTP/1.1"
    assert first.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("message-gateway/")
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == delivery.id
    assert first.body == again.body
    assert abs(int(again.headers["webhook-timestamp"]) - time.time()) < 60
    assert verified(again) == {
        "type": "notification",
        "id": str(delivery.notification_id),
        "delivery_id": delivery.id,
        "sent_at": delivery.accepted_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "subject": "Привет",
        "text": "hello",
        "html": None,
        "data": None,
        "tags": ["a"],
        "metadata": {"order": 7},
    }


async def test_timestamp_is_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, now = Receiver(), time.time()
    async with receiver.serving():
        delivery = webhook(receiver)
        monkeypatch.setattr(time, "time", lambda: now)
        await outcomes(delivery)
        monkeypatch.setattr(time, "time", lambda: now + 60)
        await outcomes(delivery)
    first, again = (int(one.headers["webhook-timestamp"]) for one in receiver.requests)
    assert 59 <= again - first <= 61
    for request in receiver.requests:
        verified(request)


async def test_every_secret_signs_while_one_is_replaced() -> None:
    receiver = Receiver()
    async with receiver.serving():
        await outcomes(webhook(receiver), callback_secret=f"{OTHER},{SECRET}")
    [request] = receiver.requests
    assert request.headers["webhook-signature"].count(" ") == 1
    assert verified(request, OTHER) == verified(request, SECRET)


async def test_owners_secret_is_derived_for_each_version_that_is_named() -> None:
    receiver = Receiver()
    async with receiver.serving():
        await outcomes(
            webhook(receiver, owner="k_1"),
            webhook(receiver, owner="k_1", webhook=WireWebhook(secret_versions=[3, 2])),
        )
    one, two = receiver.requests
    verified(one, write_secret(derive_key(ROOT, "k_1", 1)))
    for version in (2, 3):
        verified(two, write_secret(derive_key(ROOT, "k_1", version)))


async def test_owner_without_a_root_secret_waits_and_is_told() -> None:
    receiver = Receiver()
    async with receiver.serving():
        [outcome] = await outcomes(webhook(receiver, owner="k_1"), callback_root_secret="")
    assert (type(outcome), outcome.code) == (Transient, "no-secret")
    assert "GATEWAY_CALLBACK_ROOT_SECRET" in outcome.message
    assert receiver.connections == 0


async def test_body_and_id_that_a_delivery_brings_are_sent_as_they_are() -> None:
    receiver = Receiver()
    body = '{"type":  "delivery.sent"}'
    async with receiver.serving():
        await outcomes(webhook(receiver, webhook=WireWebhook(id="evt_7", body=body)))
    [request] = receiver.requests
    assert request.body == body.encode()
    assert request.headers["webhook-id"] == "evt_7"
    assert verified(request) == {"type": "delivery.sent"}


@pytest.mark.parametrize("name", ["a.b", "a\r\nX: y", "я", "a" * 201])
async def test_id_that_cannot_be_signed_is_refused(name: str) -> None:
    receiver = Receiver()
    async with receiver.serving():
        [outcome] = await outcomes(webhook(receiver, webhook=WireWebhook(id=name)))
    assert (type(outcome), outcome.code, receiver.connections) == (Rejected, "id", 0)


async def test_address_that_is_none_is_refused() -> None:
    [outcome] = await outcomes(make_delivery(channel="webhook", address="https://user@h/"))
    assert (type(outcome), outcome.code) == (Rejected, "address")


async def test_query_and_path_arrive_as_they_were_written() -> None:
    receiver = Receiver()
    async with receiver.serving():
        await outcomes(webhook(receiver, address=receiver.url("/a/../b//%2e?c=%D1%8F&d=[1]")))
    assert receiver.requests[0].line == "POST /a/../b//%2e?c=%D1%8F&d=[1] HTTP/1.1"


async def test_redirect_is_not_followed() -> None:
    elsewhere = Receiver()
    async with elsewhere.serving():
        for number in (301, 302, 303, 307, 308):
            receiver = Receiver(status(f"{number} Moved", f"Location: {elsewhere.url()}"))
            async with receiver.serving():
                [outcome] = await outcomes(webhook(receiver))
            assert (type(outcome), outcome.code) == (Transient, str(number))
    assert elsewhere.connections == 0


async def test_no_cookie_is_kept_and_no_proxy_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Receiver()
    receiver = Receiver(status("200 OK", "Set-Cookie: a=b"))
    async with receiver.serving(), proxy.serving():
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await outcomes(webhook(receiver), webhook(receiver))
    assert [("cookie" in one.headers) for one in receiver.requests] == [False, False]
    assert proxy.connections == 0


async def test_connection_is_kept_to_one_endpoint() -> None:
    receiver, other = Receiver(), Receiver()
    async with receiver.serving(), other.serving():
        await outcomes(*[webhook(receiver)] * 3, webhook(other), webhook(receiver))
    assert (receiver.connections, other.connections) == (2, 1)


async def test_connection_that_the_endpoint_closed_meanwhile_is_replaced() -> None:
    receiver = Receiver(Closing(status("200 OK")))
    async with receiver.serving():
        results = await outcomes(*[webhook(receiver)] * 3)
    assert [type(one) for one in results] == [Sent] * 3
    assert receiver.connections == 3


BOMB = b"\x1f\x8b" + bytes(100)
ODD: list[tuple[Answer, type[Any], str]] = [
    (Deed.DROP, Unknown, "no-answer"),
    (Deed.HANG, Unknown, "timeout"),
    ("garbage\r\n\r\n", Unknown, "no-answer"),
    (Closing("HTTP/1.1 20"), Unknown, "no-answer"),
    (Endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"), Unknown, "no-answer"),
    (Endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 1000), Unknown, "no-answer"),
    (Endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Unknown, "timeout"),
    # The status decides, whatever comes after it.
    (Closing("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), Sent, "ok"),
    (Closing("HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\nshort"), Rejected, "gone"),
    (Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 1000), Sent, "ok"),
    (Endless(b"HTTP/1.1 500 No\r\n\r\n", b"a" * 1000), Transient, "500"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Sent, "ok"),
    (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 102\r\n\r\n" + BOMB,
        Sent,
        "ok",
    ),
    (status("429 Slow", "Retry-After: 7"), Throttled, "429"),
    (status("101 Switching", "Upgrade: h2c\r\nConnection: Upgrade"), Unknown, "no-answer"),
    (status("599 Odd"), Transient, "599"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), ODD)
async def test_odd_answer_has_its_outcome_and_the_next_goes_through(
    answer: Answer, kind: type[Any], code: str
) -> None:
    receiver = Receiver(answer, OK)
    async with receiver.serving():
        began = time.monotonic()
        first, again = await outcomes(*[webhook(receiver)] * 2, timeout_s=1.0)
    assert (type(first), first.code) == (kind, code), first
    assert isinstance(again, Sent)
    assert len(first.message) < 400
    assert time.monotonic() - began < 15


async def test_dripping_answer_holds_no_lane_beyond_the_time_out() -> None:
    class Dripping(Receiver):
        async def converse(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for letter in "HTTP/1.1 200 OK\r\nX-Slow: " + "a" * 1000:
                writer.write(letter.encode())
                await writer.drain()
                await asyncio.sleep(0.02)

    receiver = Dripping()
    async with receiver.serving():
        began = time.monotonic()
        [outcome] = await outcomes(webhook(receiver), timeout_s=0.5)
    assert (type(outcome), outcome.code) == (Unknown, "timeout")
    assert time.monotonic() - began < 10  # it drips for 20


async def test_receiver_that_reads_nothing_holds_no_lane_beyond_the_time_out() -> None:
    class Deaf(Receiver):
        async def converse(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await asyncio.sleep(60)

    receiver = Deaf()
    async with receiver.serving():
        [outcome] = await outcomes(webhook(receiver, text="a" * 20_000_000), timeout_s=1.0)
    assert (type(outcome), outcome.code) == (Unknown, "timeout")


async def test_only_the_begin_of_an_answer_is_read() -> None:
    receiver = Receiver(Endless(b"HTTP/1.1 500 No\r\n\r\n", b"a" * 10 * MOST_BODY_BYTES))
    async with receiver.serving():
        [outcome] = await outcomes(webhook(receiver))
        await eventually(lambda: receiver.open_connections == 0)
    assert outcome.message == f"HTTP status 500: {'a' * 300}"


async def test_refused_connection_was_no_attempt_to_tell_anything() -> None:
    receiver = Receiver()
    async with receiver.serving():
        delivery = webhook(receiver)
    [outcome] = await outcomes(delivery)
    assert outcome == Transient("connect", "the connection was refused: nothing listens there")


async def test_cancelled_call_leaves_a_lane_that_works() -> None:
    receiver = Receiver(Deed.HANG, OK)
    channel = WebhookProvider(webhook_settings())
    lane = channel.transmitter()
    async with receiver.serving():
        sending = asyncio.create_task(lane.send(webhook(receiver)))
        await eventually(lambda: receiver.requests)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert isinstance(await lane.send(webhook(receiver)), Sent)
        await lane.close()

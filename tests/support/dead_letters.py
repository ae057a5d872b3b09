"""Making dead letters quickly, and reading their queues as they are."""

import struct
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pika

from common.envelope import Delivery
from common.times import utc_now
from tests.support.queues import amqp_channel, make_delivery

DEAD_SINCE = utc_now().replace(microsecond=0) - timedelta(hours=1)


def reason(
    code: str = "403", fail_class: str = "rejected", at: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """The headers that a sender writes on a dead letter."""
    return {
        "gw-attempt": 2,
        "gw-first-at": 1_700_000_000_000,
        "gw-fail-class": fail_class,
        "gw-fail-code": code,
        "gw-fail-message": f"the provider said {code}",
        "gw-fail-time": (at or DEAD_SINCE).isoformat(timespec="milliseconds"),
        "gw-fail-attempts": 2,
        "gw-fail-host": "sender-1",
    } | more


def _table(*pieces: bytes) -> bytes:
    content = b"".join(pieces)
    return len(content).to_bytes(4, "big") + content


def _nested(depth: int) -> bytes:
    table = _table()
    for _ in range(depth):
        table = _table(b"\x01aF", table)
    return table


STRANGE_TABLES = {
    "a name that is no text": _table(b"\x02\xff\xfeI", bytes(4)),
    "a moment after the last year": _table(b"\x01aT", (2**62).to_bytes(8, "big")),
    "a number beyond all others": _table(b"\x01ad", struct.pack(">d", 1e300)),
    "numbers too many to be written": _table(b"\x01aA", _table(b"b\x01" * 60_000)),
    "tables too deep for JSON": _table(b"\x01aF", _nested(300)),
    "tables too deep for anybody": _table(b"\x01aF", _nested(3000)),
}
"""Headers that a broker passes on and that nobody can read, as AMQP writes them."""


def bury(url: str, delivery: Delivery | bytes, headers: dict[str, Any] | None = None) -> None:
    """Make one dead letter."""
    bury_all(url, [(delivery, reason() if headers is None else headers)])


def bury_all(url: str, letters: Iterable[tuple[Delivery | bytes, dict[str, Any]]]) -> None:
    """Make dead letters as a sender does, without awaiting each confirm; garbage is telegram's."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    expected: dict[str, int] = {}
    for delivery, headers in letters:
        is_ours = isinstance(delivery, Delivery)
        key = delivery.routing_key if isinstance(delivery, Delivery) else "telegram.normal"
        queue = f"{key.partition('.')[0]}.dead"
        if queue not in expected:
            expected[queue] = int(channel.queue_declare(queue, passive=True).method.message_count)
        expected[queue] += 1
        properties = pika.BasicProperties(
            delivery_mode=2,
            message_id=delivery.id if isinstance(delivery, Delivery) else None,
            headers=headers,
        )
        body = delivery.encode() if isinstance(delivery, Delivery) else delivery
        assert is_ours or body is delivery
        channel.basic_publish("dead", key, body, properties)
    while any(
        channel.queue_declare(queue, passive=True).method.message_count < count
        for queue, count in expected.items()
    ):
        connection.sleep(0.02)
    connection.close()


def bury_many(
    url: str, count: int, codes: tuple[str, ...] = ("403",), text: str = "hello"
) -> list[str]:
    """Make many telegram dead letters of a text, in order; their ids."""
    sample = make_delivery(text=text).model_dump_json()
    first = make_delivery().id
    letters: list[tuple[bytes, str, str]] = []
    marker = Delivery.decode(sample.encode()).id
    for number in range(count):
        letter_id = f"{first[:-2]}-{number + 1}"
        letters.append(
            (sample.replace(marker, letter_id).encode(), letter_id, codes[number % len(codes)])
        )
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    before = channel.queue_declare("telegram.dead", passive=True).method.message_count
    for body, letter_id, code in letters:
        properties = pika.BasicProperties(
            delivery_mode=2, message_id=letter_id, headers=reason(code)
        )
        channel.basic_publish("dead", "telegram.normal", body, properties)
    while (
        channel.queue_declare("telegram.dead", passive=True).method.message_count < before + count
    ):
        connection.sleep(0.05)
    connection.close()
    return [letter_id for _, letter_id, _ in letters]


def ids_in(url: str, queue: str = "telegram.dead") -> list[str]:
    """Take everything out of a queue: message ids in order."""
    found: list[str] = []
    with amqp_channel(url) as channel:
        while True:
            method, properties, _ = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found.append(str(properties.message_id))

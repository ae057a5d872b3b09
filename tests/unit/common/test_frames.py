"""The frames that we read and write ourselves are those of the client library, octet by octet."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, encode, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.broker import frames
from common.broker.frames import Delivered, Properties

FRAME_MAX = 4096
shorts = st.text(max_size=60)
ids = st.text(min_size=1, max_size=60)
exchanges = st.text("ae-_.:9", max_size=60)  # the library takes no others
tables = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(st.text(max_size=100), st.integers(0, 2**53), st.booleans()),
    max_size=5,
)


def payload_of(octets: bytes) -> bytes:
    return octets[frames.BEGIN.size : -1]


@given(
    exchanges,
    shorts,
    ids,
    tables,
    st.binary(max_size=3 * FRAME_MAX),
    st.booleans(),
    st.integers(1, 65535),
    st.none() | st.integers(0, 2**31),
)
def test_publish_is_written_as_the_library_writes_it(
    exchange: str, key: str, message_id: str, headers: dict[str, Any], body: bytes,
    mandatory: bool, channel: int, expires_ms: int | None,
) -> None:  # fmt: skip
    properties = commands.Basic.Properties(
        headers=headers,
        content_type="application/json",
        delivery_mode=2 if expires_ms is None else 1,
        expiration=None if expires_ms is None else str(expires_ms),
        message_id=message_id,
        app_id="gateway",
    )
    most = FRAME_MAX - frames.OVERHEAD_BYTES
    expected: list[Any] = [
        commands.Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory),
        ContentHeader(properties=properties, body_size=len(body)),
        *(ContentBody(body[at : at + most]) for at in range(0, len(body), most)),
    ]
    written = frames.publish(
        channel,
        exchange,
        key,
        mandatory=mandatory,
        message_id=message_id,
        headers=headers,
        body=body,
        frame_max=FRAME_MAX,
        expires_ms=expires_ms,
    )
    assert written == b"".join(frame.marshal(one, channel) for one in expected)


@pytest.mark.parametrize("tag", [1, 255, 2**32, 2**63 - 1])
def test_ack_is_written_as_the_library_writes_it(tag: int) -> None:
    assert frames.ack(7, tag) == frame.marshal(commands.Basic.Ack(delivery_tag=tag), 7)
    all_before = frame.marshal(commands.Basic.Ack(delivery_tag=tag, multiple=True), 7)
    assert frames.ack(7, tag, all_before=True) == all_before


@given(shorts, st.integers(0, 2**63 - 1), st.booleans(), exchanges, shorts)
def test_deliver_is_read_as_the_library_wrote_it(
    consumer: str, tag: int, redelivered: bool, exchange: str, key: str
) -> None:
    method = commands.Basic.Deliver(
        consumer_tag=consumer,
        delivery_tag=tag,
        redelivered=redelivered,
        exchange=exchange,
        routing_key=key,
    )
    payload = payload_of(frame.marshal(method, 1))
    assert frames.method_of(payload) == frames.DELIVER
    assert frames.read_deliver(payload) == Delivered(tag, redelivered, exchange, key)


@pytest.mark.parametrize("multiple", [True, False])
@pytest.mark.parametrize("method", [commands.Basic.Ack, commands.Basic.Nack])
def test_answer_is_read_as_the_library_wrote_it(method: Any, multiple: bool) -> None:
    payload = payload_of(frame.marshal(method(delivery_tag=5, multiple=multiple), 1))
    assert frames.read_answer(payload) == (5, multiple)


def test_close_is_read_as_the_library_wrote_it() -> None:
    close = commands.Channel.Close(reply_code=404, reply_text="NOT_FOUND", class_id=60, method_id=4)
    payload = payload_of(frame.marshal(close, 1))
    assert frames.method_of(payload) == frames.CHANNEL_CLOSE
    assert frames.read_close(payload) == (404, "NOT_FOUND")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "content_type": shorts,
            "content_encoding": shorts,
            "headers": tables,
            "delivery_mode": st.integers(1, 2),
            "priority": st.integers(0, 9),
            "correlation_id": shorts,
            "reply_to": shorts,
            "expiration": shorts,
            "message_id": shorts,
            "message_type": shorts,
            "user_id": shorts,
            "app_id": shorts,
        },
    ),
    st.integers(0, 2**40),
)
def test_content_is_read_with_whatever_properties_it_has(
    properties: dict[str, Any], size: int
) -> None:
    written = ContentHeader(body_size=size, properties=commands.Basic.Properties(**properties))
    read = frames.read_content(payload_of(frame.marshal(written, 1)))
    assert read[0] == size
    assert read[1].headers == properties.get("headers", {})
    assert (read[1].message_id or None) == (properties.get("message_id") or None)


@given(st.binary(max_size=80))
def test_headers_of_any_bytes_are_read_or_left_out_and_cost_not_the_rest(table: bytes) -> None:
    written = ContentHeader(
        body_size=7,
        properties=commands.Basic.Properties(headers={"a": 1}, message_id="its id"),
    )
    known, octets = encode.field_table({"a": 1}), payload_of(frame.marshal(written, 1))
    assert octets.count(known) == 1
    size, properties = frames.read_content(
        octets.replace(known, len(table).to_bytes(4, "big") + table)
    )
    assert (size, properties.message_id) == (7, "its id")
    assert properties.headers == {} or properties.fault is None


def test_headers_that_no_library_reads_are_a_fault() -> None:
    name_of_no_text = b"\x03\xff\xfe\xfdI\x00\x00\x00\x01"
    content = frames.publish(
        1, "e", "k", mandatory=True, message_id="m", headers={"abc": 1}, body=b"", frame_max=4096
    )
    begun = content.index(b"\x03abc") - 4
    table = len(name_of_no_text).to_bytes(4, "big") + name_of_no_text
    end = begun + 4 + int.from_bytes(content[begun : begun + 4], "big")
    header_begins = content.index(b"\x00\x3c\x00\x00")
    payload = content[header_begins:begun] + table + content[end:-1]
    assert frames.read_content(payload)[1] == Properties({}, "m", "its AMQP headers cannot be read")


def test_id_that_is_too_long_for_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        frames.publish(
            1, "e", "k", mandatory=True, message_id="x" * 256, headers={}, body=b"", frame_max=4096
        )


def test_heartbeat_is_the_librarys() -> None:
    assert frame.unmarshal(frames.HEARTBEAT)[0] == len(frames.HEARTBEAT)

"""Properties of a message as strangers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import BasicProperties, data

from broker_topology.dead_letters.properties import UNREADABLE, ReadableProperties, text_of
from tests.support.dead_letters import STRANGE_TABLES

KNOWN = b"".join(BasicProperties(content_type="t", headers={"a": 1}, message_id="id").encode())
TABLE = b"\x00\x00\x00\x07\x01aI\x00\x00\x00\x01"


def with_table(table: bytes) -> bytes:
    assert KNOWN.count(TABLE) == 1
    return KNOWN.replace(TABLE, table)


@given(st.binary(max_size=80))
def test_headers_of_any_bytes_cost_not_the_rest_and_can_be_written_again(octets: bytes) -> None:
    read = ReadableProperties().decode(with_table(len(octets).to_bytes(4, "big") + octets))
    assert (read.content_type, read.message_id) == ("t", "id")
    data.encode_table([], read.headers)


@pytest.mark.parametrize("table", STRANGE_TABLES.values(), ids=STRANGE_TABLES)
def test_headers_that_cannot_be_read_are_left_out_and_said_to_be(table: bytes) -> None:
    assert ReadableProperties().decode(with_table(table)).headers == {"gw-fail-message": UNREADABLE}


def test_headers_that_can_be_read_are_as_they_were() -> None:
    assert ReadableProperties().decode(KNOWN).headers == {"a": 1}


def test_id_that_is_no_utf_8_is_a_text() -> None:
    assert ReadableProperties().decode(KNOWN.replace(b"\x02id", b"\x02\xffd")).message_id == "�d"
    assert text_of(b"\xffd") == "�d"

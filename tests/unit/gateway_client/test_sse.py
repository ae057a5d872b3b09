"""Server-Sent Events, however the network cuts them."""

from collections import deque

import pytest

from gateway_client.errors import UnexpectedAnswer
from gateway_client.sse import MOST_BYTES, Block, Blocks

STREAM = (
    'retry: 1000\nid: e-1\n\n:\nid: e-2\n\nid: e-3\nevent: sent\ndata: {"to": "Ада"}\n\n'
    "event: end\ndata: a\ndata: b\n\n"
).encode()
BLOCKS = [
    Block("e-1"),
    Block("e-2"),
    Block("e-3", "sent", '{"to": "Ада"}'),
    Block("", "end", "a\nb"),
]


@pytest.mark.parametrize("stream", [STREAM, STREAM.replace(b"\n", b"\r\n")], ids=["lf", "crlf"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_blocks_are_the_same_wherever_the_stream_is_cut(stream: bytes, size: int) -> None:
    blocks = Blocks()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [block for piece in pieces for block in blocks.feed(piece)] == BLOCKS


def test_what_does_not_end_yet_is_not_told() -> None:
    blocks = Blocks()
    assert list(blocks.feed(b"id: e-1\ndata: x\n")) == []
    assert list(blocks.feed(b"\n")) == [Block("e-1", "", "x")]


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: x\n" * 8192], ids=["line", "block"])
def test_event_without_an_end_is_refused_before_it_fills_the_memory(piece: bytes) -> None:
    blocks = Blocks()
    pieces = (piece for _ in range(2 * MOST_BYTES // len(piece)))
    with pytest.raises(UnexpectedAnswer, match="more than 1048576 bytes"):
        deque((block for one in pieces for block in blocks.feed(one)), maxlen=0)

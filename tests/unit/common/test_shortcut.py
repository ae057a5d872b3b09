"""What a connection reads is divided between its direct channels and the client library."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader, ProtocolHeader
from pamqp.heartbeat import Heartbeat

from common.broker.frames import Properties
from common.broker.shortcut import DirectChannel, Shortcut

MINE, LIBRARYS = 3, 4


class Noted(DirectChannel):
    """A channel that notes what it is told, in order."""

    def __init__(self, number: int = MINE) -> None:
        super().__init__(number)
        self.told: list[object] = []

    def on_confirm(self, tag: int, *, multiple: bool, is_ack: bool) -> None:
        self.told.append(("ack" if is_ack else "nack", tag, multiple))

    def on_message(self, method: bytes, properties: Properties, body: bytes) -> None:
        self.told.append((properties.message_id, body))

    def on_loss(self, code: int, text: str) -> None:
        self.told.append(("lost", code, text))


def message(number: int, *pieces: bytes) -> bytes:
    size = sum(map(len, pieces))
    header = ContentHeader(body_size=size, properties=commands.Basic.Properties(message_id="m"))
    deliver = commands.Basic.Deliver("tag", 1, False, "e", "k")
    parts: list[Any] = [deliver, header, *map(ContentBody, pieces)]
    return b"".join(frame.marshal(part, number) for part in parts)


def method(number: int, one: Frame) -> bytes:
    return frame.marshal(one, number)


STREAM = [
    (True, message(MINE, b"one", b"two")),
    (False, message(LIBRARYS, b"other")),
    (True, method(MINE, commands.Basic.Ack(1, False))),
    (False, frame.marshal(Heartbeat(), 0)),
    (True, message(MINE)),
    (False, method(MINE, commands.Basic.QosOk())),
    (True, method(MINE, commands.Basic.Nack(7, True, False))),
    (False, method(LIBRARYS, commands.Basic.Ack(2, False))),
    (False, method(MINE, commands.Channel.Close(404, "gone", 0, 0))),
    (False, method(MINE, commands.Basic.Ack(9, False))),  # of a new channel of this number
]
TOLD = [("m", b"onetwo"), ("ack", 1, False), ("m", b""), ("nack", 7, True), ("lost", 404, "gone")]


@given(st.lists(st.integers(0, sum(len(octets) for _, octets in STREAM))))
def test_stream_is_divided_wherever_it_is_cut(cuts: list[int]) -> None:
    stream = b"".join(octets for _, octets in STREAM)
    shortcut, mine = Shortcut(), Noted()
    shortcut.add(mine)
    ends = [*sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    rest = b"".join(map(shortcut.divide, pieces))
    assert rest == b"".join(octets for is_mine, octets in STREAM if not is_mine)
    assert mine.told == TOLD


def test_library_gets_whole_frames_only() -> None:
    shortcut = Shortcut()
    octets = frame.marshal(Heartbeat(), 0)
    assert [shortcut.divide(octets[:5]), shortcut.divide(octets[5:])] == [b"", octets]


def test_all_is_lost_with_the_connection_and_said_once() -> None:
    for last_word in (method(0, commands.Connection.Close(320, "forced", 0, 0)), b""):
        shortcut, mine = Shortcut(), Noted()
        shortcut.add(mine)
        shortcut.divide(last_word)
        shortcut.end()
        mine.lost()
        assert mine.told == [("lost", 0, "")]
        assert mine.is_closed


def test_new_channel_of_an_old_number_stays_when_the_old_is_lost() -> None:
    shortcut, old, new = Shortcut(), Noted(), Noted()
    shortcut.add(old)
    shortcut.add(new)
    old.lost()
    assert shortcut.divide(method(MINE, commands.Basic.Ack(1, False))) == b""
    assert new.told == [("ack", 1, False)]


def test_alarm_is_known_while_it_lasts_and_the_library_hears_it_too() -> None:
    shortcut = Shortcut()
    for word, is_blocked in (
        (commands.Connection.Blocked("memory"), True),
        (commands.Connection.Unblocked(), False),
    ):
        assert shortcut.divide(method(0, word)) == method(0, word)
        assert shortcut.is_blocked is is_blocked


def test_what_is_no_amqp_is_the_librarys() -> None:
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolHeader().marshal()):
        shortcut = Shortcut()
        assert shortcut.divide(answer[:9]) + shortcut.divide(answer[9:]) == answer


def test_frame_that_never_ends_is_the_librarys_in_the_end() -> None:
    shortcut = Shortcut()
    assert shortcut.divide(b"\x01\0\0") + shortcut.end() == b"\x01\0\0"

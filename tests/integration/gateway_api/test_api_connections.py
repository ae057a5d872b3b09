"""What one connection may do: hostile and odd clients, over real sockets."""

import json
import select
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from common.http import protocol
from common.http.connections import Limits
from common.settings import Settings
from gateway_api.app import create_app
from tests.support.clients.raw_http import LIMITS, Client, seconds_until_hung_up, serving
from tests.support.polling import until

GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was asked; `/early` before it reads the body, `/slow` after a while."""
    body, is_over = b"", scope["path"] == "/early"
    while not is_over:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        is_over = not message.get("more_body", False)
    headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    seen = {"method": scope["method"], "path": scope["path"], "headers": headers}
    content = json.dumps(seen | {"body": body.decode("latin-1")}).encode()
    if scope["path"] == "/large":
        content = b"x" * 50_000_000
    length = (b"content-length", b"%d" % len(content))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(echo) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client(port) as client:
        yield client


def seen(client: Client) -> Any:
    answer = client.read_answer()
    assert answer.status == 200, answer
    return answer.json()


# Heads


def test_headers_without_end_are_refused(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-Filler: " + b"x" * 17_000)
    assert client.read_answer().code == "headers_too_large"
    assert client.is_hung_up_on()


def test_many_small_headers_are_refused(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[b"a: b\r\n"] * 4000)
    assert client.read_answer().code == "headers_too_large"


def test_whole_head_beyond_the_limit_is_refused(client: Client) -> None:
    client.send(GET[:-2] + b"x: " + b"x" * 17_000 + b"\r\n\r\n")
    assert client.read_answer().code == "headers_too_large"


def test_head_within_the_limit_is_taken_byte_by_byte(client: Client) -> None:
    head = GET[:-2] + b"x: " + b"x" * 2000 + b"\r\n\r\n"
    client.send(*(head[index : index + 1] for index in range(len(head))))
    assert seen(client)["path"] == "/x"


def test_half_a_head_is_cut_in_time(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHo")
    began = time.monotonic()
    assert client.read_answer().code == "header_timeout"
    assert time.monotonic() - began < 5
    assert client.is_hung_up_on()


def test_head_that_trickles_is_cut_in_time(client: Client) -> None:
    client.socket.settimeout(0.1)
    client.send(b"GET / HTTP/1.1\r\n")
    began = time.monotonic()

    def is_cut() -> bool:
        client.send(b"a: b\r\n")
        try:
            return client.read_answer().code == "header_timeout"
        except TimeoutError:
            return False

    until(is_cut)
    assert time.monotonic() - began < 5


def test_silence_is_cut_without_a_word(client: Client) -> None:
    assert seconds_until_hung_up(client) < 5
    assert client.is_hung_up_on()


def test_empty_lines_do_not_keep_a_connection(client: Client) -> None:
    seen(client.send(GET))
    client.socket.settimeout(0.2)
    began = time.monotonic()

    def is_cut() -> bool:
        client.send(b"\r\n")
        try:
            return client.is_hung_up_on()
        except TimeoutError:
            return False

    until(is_cut)
    assert time.monotonic() - began < LIMITS.idle_timeout_s + 5


def test_idle_connection_is_kept_for_its_time_and_then_closed(client: Client) -> None:
    seen(client.send(GET))
    kept_s = seconds_until_hung_up(client)
    assert LIMITS.idle_timeout_s - 0.1 < kept_s < LIMITS.idle_timeout_s + 5


# What is no request


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/2\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n",
        b"EHLO client.example\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"FETCH / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        POST + b"Content-Length: 1, 1\r\n\r\nx",
        POST + b"Content-Length: +1\r\n\r\nx",
        POST + b"Content-Length: -1\r\n\r\nx",
        POST + b"Content-Length: 0x1\r\n\r\nx",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nx",
        POST + b"Content-Length:\r\n\r\nx",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nx",
        CHUNKED + b"-1\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"1\nx\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nxy\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\n0\r\n\r\n",
        CHUNKED + b"zz\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_hung_up_on(client: Client, request_bytes: bytes) -> None:
    client.send(request_bytes)
    assert client.read_answer().code == "malformed_request"
    assert client.is_hung_up_on()


def test_whole_url_names_the_host_instead_of_the_header(client: Client) -> None:
    client.send(b"GET http://elsewhere:81?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n")
    request = seen(client)
    assert request["path"] == "/"
    assert request["headers"] == [["host", "elsewhere:81"]]


def test_options_of_the_whole_server_are_told() -> None:
    with serving(create_app(Settings())) as port, Client(port) as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = client.read_answer()
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


# Upgrades, bodies, and what follows


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"upgrade: H2C\r\nCONNECTION: keep-alive, upgrade\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_offered_upgrade_is_ignored_and_the_request_served(
    client: Client, offer: bytes, body: bytes
) -> None:
    for _ in range(2):
        client.send(POST + offer + body)
        assert seen(client)["body"] == "hello"


def test_trailers_are_nobodys_headers(client: Client) -> None:
    client.send(CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\nHost: other\r\n\r\n")
    assert [name for name, _ in seen(client)["headers"]] == ["host", "transfer-encoding"]
    assert seen(client.send(GET))["path"] == "/x"


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
def test_chunked_bodies_and_what_follows_are_told_apart_however_they_arrive(
    client: Client, step: int
) -> None:
    body = b"\r\n\r\nGET /inside HTTP/1.1\r\n\r\n\r\n\r\n"
    chunked = CHUNKED + b"%x;a=b\r\n%b\r\n1\r\n\r\r\n0\r\nT: x\r\n\r\n" % (len(body), body)
    stream = chunked + GET.replace(b"GET", b"PUT") + chunked
    client.send(*(stream[begin : begin + step] for begin in range(0, len(stream), step)))
    requests = [seen(client) for _ in range(3)]
    assert [one["method"] for one in requests] == ["POST", "PUT", "POST"]
    assert [one["body"].encode() for one in requests] == [body + b"\r", b"", body + b"\r"]


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    paths = [f"/{number}" for number in range(300)]
    client.send(b"".join(GET.replace(b"/x", path.encode()) for path in paths))
    assert [seen(client)["path"] for _ in paths] == paths


def test_body_of_empty_lines_costs_no_more_than_another(client: Client) -> None:
    body = b"\r\n" * 500_000
    began = time.monotonic()
    client.send(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert len(seen(client)["body"]) == len(body)
    assert time.monotonic() - began < 20


def test_chunks_with_more_framing_than_content_are_refused(client: Client) -> None:
    client.send(CHUNKED, *[b"1;" + b"x" * 1000 + b"\r\nx\r\n"] * 30)
    assert client.read_answer().code == "headers_too_large"


def test_trailers_without_end_are_refused(client: Client) -> None:
    client.send(CHUNKED + b"0\r\n", *[b"X: " + b"x" * 1000] * 30)
    assert client.read_answer().code == "headers_too_large"


def test_smallest_chunks_are_taken(client: Client) -> None:
    client.send(CHUNKED + b"1\r\nx\r\n" * 30_000 + b"0\r\n\r\n")
    assert seen(client)["body"] == "x" * 30_000


def test_request_is_answered_after_the_client_has_ended_its_side(client: Client) -> None:
    client.send(POST + b"Content-Length: 5\r\n\r\nhello", GET).end()
    assert seen(client)["body"] == "hello"
    assert seen(client)["method"] == "GET"
    assert client.is_hung_up_on()


def test_half_a_head_and_an_end_is_refused(client: Client) -> None:
    client.send(GET[:-4]).end()
    assert client.read_answer().code == "malformed_request"
    assert client.is_hung_up_on()


def test_request_is_answered_before_the_garbage_after_it(client: Client) -> None:
    client.send(POST + b"Content-Length: 5\r\n\r\nhello" + b"\x00garbage\r\n\r\n")
    assert seen(client)["body"] == "hello"
    assert client.read_answer().code == "malformed_request"
    assert client.is_hung_up_on()


def test_body_that_trickles_after_the_answer_is_cut(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_S", 0.5)
    client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert seen(client)["path"] == "/early"
    client.socket.settimeout(0.1)

    def is_cut() -> bool:
        client.send(b"x")
        try:
            return client.is_hung_up_on()
        except TimeoutError:
            return False

    until(is_cut)


def test_connection_goes_on_when_the_rest_of_an_answered_body_comes(client: Client) -> None:
    client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
    assert seen(client)["path"] == "/early"
    client.send(b"x" * 3_000_000, GET)
    assert seen(client)["path"] == "/x"


def test_early_answer_reaches_a_client_that_still_sends_and_wants_to_close(client: Client) -> None:
    head = (
        b"POST /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9000000\r\n\r\n"
    )
    client.send(head + b"x" * 4_000_000)
    assert seen(client)["path"] == "/early"


def test_client_that_was_told_to_continue_sends_its_body(client: Client) -> None:
    client.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.read_answer(has_body=False).status == 100
    assert seen(client.send(b"hello"))["body"] == "hello"


def test_client_that_waits_to_continue_and_is_answered_is_hung_up_on(client: Client) -> None:
    client.send(
        b"POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_answer_that_nobody_reads_is_not_kept(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALL_S", 0.3)
    with Client(port) as client:
        client.send(GET.replace(b"/x", b"/large"))
        watched = select.poll()
        watched.register(client.socket, 0)  # the end of the connection and nothing else
        assert watched.poll(10_000), "still open"
        client.is_hung_up_on()
        assert len(client.received) < 50_000_000


def test_answer_that_is_read_slowly_arrives(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALL_S", 1.0)
    with Client(port) as client:
        client.send(GET.replace(b"/x", b"/large"))
        taken = 0
        while taken < 50_000_000:
            piece = client.socket.recv(1_000_000)
            assert piece, f"cut after {taken} bytes"
            taken += len(piece)
            time.sleep(0.04)


# How many


def test_connections_beyond_the_limit_are_refused_until_one_is_gone() -> None:
    limits = Limits(connections=5, per_client=3, header_timeout_s=10, idle_timeout_s=10)
    with serving(echo, limits) as port:
        mine = [Client(port) for _ in range(3)]
        with Client(port) as refused:
            answer = refused.read_answer()
            assert (answer.status, answer.code) == (503, "too_many_connections")
            assert "retry-after" in answer.headers
            assert refused.is_hung_up_on()
        with Client(port, source="127.0.0.2") as other:
            seen(other.send(GET))
        mine.pop().socket.close()

        def is_served() -> bool:
            with Client(port) as again:
                return again.send(GET).read_answer().status == 200

        until(is_served)
        others = [Client(port, source=f"127.0.0.{number}") for number in (3, 4, 5, 6)]
        assert others[-1].read_answer().code == "too_many_connections"
        for client in mine + others:
            client.socket.close()

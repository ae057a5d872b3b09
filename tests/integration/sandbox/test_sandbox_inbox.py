"""The sandbox's inbox: refused attempts beside what was accepted, threads, ids, bounds."""

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest
from pydantic_core import to_json

from common.channels import Channel
from deploy.sandbox import Sandbox
from deploy.sandbox.inbox.records import Call, Message
from deploy.sandbox.inbox.store import MAX_KEPT, Inbox
from senders.process import make_provider
from tests.integration.senders.test_channels import address_at, lane_of, sandbox_settings
from tests.support.queues import make_delivery

ATTACK = "<script>alert('x')</script>\"><img src=x>"
REPEATED = "no answer: accepted, then the connection was reset"


async def _deliver(sandbox: Sandbox, channel: str, address: str, tries: int, **more: Any) -> str:
    """Send one delivery by the real client; returns its id."""
    delivery = make_delivery(channel=channel, address=address, subject="Hello", **more)
    async with lane_of(make_provider(channel, sandbox_settings(sandbox))) as lane:
        for _ in range(tries):
            await lane.send(delivery)
    return delivery.id


async def _telegram(http: httpx.AsyncClient, chat: str, text: str, **headers: str) -> None:
    await http.post(
        "/bot1:sandbox/sendMessage", data={"chat_id": chat, "text": text}, headers=headers
    )


THREADS = [
    (
        "email",
        "twice+ada@example.com",
        ["451 4.3.0 Local error in processing, try again"] * 2 + [""],
    ),
    ("email", "spam+ada@example.com", ["550 5.7.1 Message refused as spam"]),
    ("email", "dropafter+ada@example.com", [REPEATED, ""]),
    ("telegram", "900004001", ["500 Internal Server Error"] * 2 + [""]),
    ("telegram", "900005001", ["no answer: the connection was reset", ""]),
    ("vk", "900004001", ["10 Internal server error: could not check access_token now"] * 2 + [""]),
    ("vk", "900001001", ["901 Can't send messages for users without permission"]),
    ("vk", "900006001", [REPEATED, "the id of the message that came before"]),
]


@pytest.mark.parametrize(("channel", "address", "answers"), THREADS)
async def test_attempts_of_a_delivery_are_one_thread_with_what_was_answered(
    sandbox: Sandbox, http: httpx.AsyncClient, channel: str, address: str, answers: list[str]
) -> None:
    delivery_id = await _deliver(sandbox, channel, address, len(answers))

    attempts = (await http.get("/attempts.json")).json()["attempts"]
    assert [one["answer"] for one in attempts] == answers
    assert {one["delivery_id"] for one in attempts} == {delivery_id}
    assert len({one["thread"] for one in attempts}) == 1
    assert {one["message"] for one in attempts if one["verdict"] == "accepted"} == {
        entry["n"] for entry in (await http.get("/inbox.json")).json()["entries"]
    }
    assert (await http.get("/")).text.count("<li>") == 1


@pytest.mark.parametrize("channel", list(Channel))
async def test_accepted_message_has_its_delivery_id_on_every_channel(
    sandbox: Sandbox, http: httpx.AsyncClient, channel: Channel
) -> None:
    delivery_id = await _deliver(sandbox, channel, address_at(sandbox, channel), 1)

    (entry,) = (await http.get("/inbox.json")).json()["entries"]
    assert entry["delivery_id"] == delivery_id
    assert delivery_id in (await http.get("/inbox/1")).text


async def test_lane_says_each_delivery_by_its_own_id(sandbox: Sandbox) -> None:
    deliveries = [make_delivery(channel="vk", address="42") for _ in range(3)]
    async with lane_of(make_provider("vk", sandbox_settings(sandbox))) as lane:
        for delivery in deliveries:
            await lane.send(delivery)

    said = [entry.delivery_id for entry in sandbox.inbox.entries()]
    assert said == [delivery.id for delivery in deliveries]


async def test_calls_at_once_keep_their_ids_apart(sandbox: Sandbox) -> None:
    made = make_provider("telegram", sandbox_settings(sandbox))
    deliveries = [make_delivery(address=str(chat)) for chat in range(1, 9)]
    lanes = [made.transmitter() for _ in deliveries]
    await asyncio.gather(*map(lambda lane, one: lane.send(one), lanes, deliveries))
    await asyncio.gather(*(lane.close() for lane in lanes))
    await made.close()

    said = {entry.recipient: entry.delivery_id for entry in sandbox.inbox.entries()}
    assert said == {delivery.address: delivery.id for delivery in deliveries}


@pytest.mark.parametrize("channel", ["email", "telegram", "vk"])
async def test_id_that_no_header_can_carry_is_not_said(sandbox: Sandbox, channel: str) -> None:
    await _deliver(sandbox, channel, address_at(sandbox, channel), 1, id="заказ 7\r\nX: y")

    assert len(sandbox.inbox.entries()) == 1


async def test_copy_has_its_own_delivery_id_though_it_shares_the_message_id(
    sandbox: Sandbox,
) -> None:
    original = make_delivery(channel="email", address="ada@example.com", subject="Hello")
    copy_of = {"delivery_id": original.id, "address": original.address}
    copied = await _deliver(
        sandbox, "email", "boss@example.com", 1, id=f"{original.notification_id}-2", copy_of=copy_of
    )

    (entry,) = sandbox.inbox.entries()
    assert (entry.delivery_id, original.id in entry.provider_id) == (copied, True)


async def test_moved_chat_stays_one_thread(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    said = {"X-Gateway-Delivery": "order-1"}
    await _telegram(http, "900007001", "Hi", **said)
    await _telegram(http, "-100900007001", "Hi", **said)

    (thread,) = sandbox.inbox.threads()
    assert [one.recipient for one in thread.attempts] == ["900007001", "-100900007001"]


async def test_same_text_of_two_deliveries_is_no_duplicate(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    for delivery_id in ("order-1", "order-2", "order-2"):
        await _telegram(http, "42", "Hi", **{"X-Gateway-Delivery": delivery_id})

    assert [entry.duplicate_of for entry in sandbox.inbox.entries()] == [None, None, 2]
    page = (await http.get("/")).text
    assert page.count("delivered 2 times") == 1


async def test_refused_stand_beside_the_accepted_newest_first(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await _telegram(http, "900001001", "Refused text")
    await _deliver(sandbox, "email", "bounce+eve@example.com", 1)
    await _telegram(http, "42", "Accepted text")

    page = (await http.get("/")).text
    shown = [
        page.index(words)
        for words in ("Accepted text", "550 5.1.1 No such user here", "Refused text")
    ]
    assert shown == sorted(shown)
    assert "403 Forbidden: bot was blocked by the user" in page
    assert "1 accepted, 2 refused" in page
    refused = (await http.get("/inbox.json")).json()["refused"]
    assert [(one["channel"], one["recipient"]) for one in refused] == [
        ("telegram", "900001001"),
        ("email", "bounce+eve@example.com"),
    ]


async def test_every_row_leads_to_a_page_that_exists(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await _telegram(http, "900001001", ATTACK)
    await _telegram(http, "42", ATTACK)
    await _telegram(http, ATTACK, ATTACK)
    await _deliver(sandbox, "email", "bounce+eve@example.com", 1)
    sandbox.faults.fail_next(Channel.EMAIL, "bad_auth")
    await _deliver(sandbox, "email", "ada@example.com", 1)

    rows = re.findall(r'<li><a href="([^"]+)"', (await http.get("/")).text)
    assert len(rows) == 5
    for row in rows:
        page = await http.get(row)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [("DATA", "503 5.5.1 Error: need RCPT command"), ("WHAT", "500 5.5.2 Error: command")],
)
async def test_what_the_mail_server_itself_refuses_is_shown_too(
    sandbox: Sandbox, command: str, answer: str
) -> None:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.smtp_port)
    writer.write(f"HELO test\r\n{command}\r\nQUIT\r\n".encode())
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()

    (attempt,) = sandbox.inbox.attempts()
    assert attempt.answer.startswith(answer)


async def test_nul_character_breaks_neither_page_nor_json(http: httpx.AsyncClient) -> None:
    for chat in ("\0", "42"):
        await http.post("/bot1:sandbox/sendMessage", json={"chat_id": chat, "text": "\0"})

    for path in ("/", "/inbox/1", "/attempts/1", "/inbox.json", "/attempts.json"):
        assert (await http.get(path)).status_code == 200, path


def _refusal(n: int, preview: str = "") -> Call:
    return Call(
        channel="telegram",
        recipient=str(n),
        call="sendMessage",
        verdict="refused",
        code="500",
        preview=preview,
    )


def _message(n: int, text: str = "Hi") -> Message:
    return Message(channel="telegram", recipient=str(n), provider_id=str(n), text=text)


def test_refused_and_accepted_share_one_bound() -> None:
    inbox = Inbox(max_kept=10)
    for n in range(5):
        inbox.accept(_message(n), "sendMessage")
        inbox.record(_refusal(n))
        inbox.record(_refusal(n))

    assert [one.n for one in inbox.attempts()] == list(range(6, 16))
    assert [entry.n for entry in inbox.entries()] == [3, 4, 5]
    assert sum(len(thread.attempts) for thread in inbox.threads()) == 10
    assert (inbox.entry(1), inbox.attempt(1)) == (None, None)


async def _read_all(http: httpx.AsyncClient, path: str) -> bytes:
    read = bytearray()
    async with http.stream("GET", path) as answer:
        async for piece in answer.aiter_raw():
            read += piece
    return bytes(read)


@pytest.mark.parametrize(
    ("path", "member"),
    [("/attempts.json", "attempts"), ("/inbox.json", "entries")],
)
async def test_full_inbox_is_told_without_keeping_others_waiting(
    sandbox: Sandbox, http: httpx.AsyncClient, path: str, member: str
) -> None:
    for n in range(MAX_KEPT):
        if member == "entries":
            sandbox.inbox.accept(_message(n), "sendMessage")
        else:
            sandbox.inbox.record(_refusal(n, "x" * 100))

    reading = asyncio.create_task(_read_all(http, path))
    slowest_s = 0.0
    while not reading.done():
        begin_s = time.thread_time()  # not what others take of the machine
        await asyncio.sleep(0)
        slowest_s = max(slowest_s, time.thread_time() - begin_s)

    told = json.loads(await reading)[member]
    assert [one["n"] for one in told] == list(range(1, MAX_KEPT + 1))
    assert slowest_s < 0.2


def test_names_of_threads_count_too() -> None:
    inbox = Inbox(max_kept_bytes=1_000_000)
    for n in range(10):
        chat = f"{n}".rjust(100_000)
        inbox.record(
            Call(channel="vk", recipient=chat, call="x", verdict="refused", delivery_id="1-1")
        )
        inbox.accept(Message(channel="vk", recipient=chat, provider_id="1", delivery_id="1-2"), "x")

    # Each call holds its recipient and its thread's name, which has the recipient in it.
    assert len(inbox.attempts()) == 4


def test_inbox_that_was_read_is_bounded_as_before() -> None:
    inbox = Inbox(max_kept_bytes=1_000_000)
    for n in range(50):
        inbox.accept(_message(n, "я" * 40_000), "sendMessage")
        to_json(inbox.entries())  # leaves a second form of each text in memory
    kept = len(inbox.entries())
    for n in range(50):
        inbox.accept(_message(n, "я" * 40_000), "sendMessage")

    assert kept == len(inbox.entries()) == 12


def test_big_messages_push_out_older_ones_by_their_size() -> None:
    inbox = Inbox(max_kept_bytes=1_000_000)
    for n in range(50):
        inbox.accept(_message(n, "x" * 100_000), "sendMessage")

    assert 5 <= len(inbox.entries()) <= 10
    assert inbox.entries()[-1].n == 50


def test_repeat_of_a_forgotten_message_is_a_first_one_again() -> None:
    inbox = Inbox(max_kept=2)
    for recipient in (1, 2, 3, 1, 1):
        inbox.accept(_message(recipient), "sendMessage")

    assert [entry.duplicate_of for entry in inbox.entries()] == [None, 4]
    assert inbox.duplicates == 1

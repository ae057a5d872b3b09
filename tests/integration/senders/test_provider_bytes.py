"""Any bytes that a provider can say, through the real clients, up to what the broker is given."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.broker.consumer import Received
from common.envelope import Delivery, Event, EventType, Progress
from common.settings import load_settings
from common.times import utc_now
from senders import publications
from senders.email.connection import Timeouts
from senders.email.provider import EmailProvider
from senders.outcome import Moved, Outcome, Rejected, Reply, Sent
from senders.retry import FailClass
from senders.said import MOST_SECONDS
from tests.support.polling import eventually
from tests.support.providers.real import (
    channel_of,
    delivery_for,
    outcome_of,
    refusal,
    response,
    serving,
    vk_error,
)
from tests.support.providers.scripted import running_sender
from tests.support.providers.scripted_servers import (
    Answer,
    Closing,
    ScriptedServer,
    ScriptedSmtp,
)
from tests.support.queues import EventLog, count, make_delivery, put, take

NOT_FOUND = b"550 5.1.1 " + "Пользователь не найден".encode("cp1251")
ACCEPTED = b"250 2.0.0 " + "Письмо принято".encode("cp1251")

STAGES = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."]


def check_publishable(reply: Reply) -> None:
    """Whether the dead letter and the event that tell of it can be written."""
    outcome = Rejected(reply.code, reply.message) if isinstance(reply, Moved) else reply
    delivery = make_delivery()
    letter = dead_letter_of(delivery, outcome)
    for value in letter.headers.values():
        assert str(value).encode().decode() == str(value)
    fact = publications.event(
        EventType.FAILED, delivery, Progress(1), at=utc_now(), outcome=outcome
    )
    assert Event.decode(fact.body).code == outcome.code
    after_s = getattr(outcome, "after_s", None)
    assert after_s is None or 0 < after_s <= MOST_SECONDS


def dead_letter_of(delivery: Delivery, outcome: Outcome) -> publications.Publication:
    in_no_channel: Any = None
    key = delivery.routing_key
    received = Received(delivery.encode(), {}, delivery.id, "", key, False, 1, in_no_channel)
    return publications.dead_letter(
        received,
        key,
        Progress(1),
        publications.failure(FailClass.REJECTED, outcome.code, outcome.message, at=utc_now()),
    )


octets = st.binary(max_size=120)
replies = st.one_of(
    octets,
    st.tuples(st.sampled_from([b"250", b"354", b"421", b"550", b"999", b"2 0"]), octets).map(
        b" ".join
    ),
    st.tuples(st.just(b"550-"), octets, st.just(b"\r\n550 5.1.1 "), octets).map(b"".join),
)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, 7, 429, 901, 10**30, 1e308]))
words = st.text() | st.text(st.characters(categories=["Cs", "Cc"]), min_size=1, max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON objects of the API, where anything may stand in place of any value."""
    return st.fixed_dictionaries({name: value | anything for name, value in fields.items()})


chats = st.just({"id": 42, "type": "private"})
refusals = objects(
    ok=st.just(False),
    error_code=st.sampled_from([400, 403, 429]),
    description=words,
    parameters=objects(retry_after=numbers, migrate_to_chat_id=numbers),
)
messages = objects(message_id=numbers, date=numbers, chat=chats, text=words)
telegram_bodies = refusals | objects(ok=st.just(True), result=messages) | anything
vk_errors = objects(error_code=st.sampled_from([5, 6, 14, 901]), error_msg=words, captcha_sid=words)
vk_bodies = objects(error=vk_errors) | objects(response=numbers) | anything


def http_answers(bodies: st.SearchStrategy[Any]) -> st.SearchStrategy[Answer]:
    statuses = st.sampled_from([b"200 OK", b"200 OK", b"400 Bad", b"429 \xff", b"500 Oops", b"999"])
    written = bodies.map(lambda body: json.dumps(body).encode())
    payloads = written | written | octets
    odd_header = octets.map(lambda value: b"X: " + value.replace(b"\n", b"") + b"\r\n")
    headers = st.just(b"") | st.just(b"") | odd_header
    whole = st.builds(response, payloads, statuses, headers)
    return (whole | whole | octets).map(Closing)


@settings(max_examples=150, deadline=None)
@given(stage=st.sampled_from(STAGES), reply=replies)
def test_any_reply_of_a_mail_server_has_an_outcome(stage: str, reply: bytes) -> None:
    check_publishable(asyncio.run(outcome_of("email", Closing(reply), stage)))


async def outcome_of_login(mechanism: str, reply: bytes) -> Outcome:
    """What an attempt comes to when the server answers the beginning of a login so."""
    server = ScriptedSmtp()
    server.say("EHLO", "250-script\r\n250 AUTH PLAIN LOGIN CRAM-MD5")
    server.say("AUTH", reply)
    async with server.serving():
        given = {
            "GATEWAY_EMAIL_URL": f"smtp://ada:pass@127.0.0.1:{server.port}?starttls=no",
            "GATEWAY_EMAIL_FROM": "gateway@example.com",
            "GATEWAY_EMAIL_AUTH": mechanism,
        }
        lane = EmailProvider(load_settings(given), Timeouts(0.2, 0.2, 0.2)).transmitter()
        try:
            return await lane.send(delivery_for("email"))
        finally:
            await lane.close()


@settings(max_examples=60, deadline=None)
@given(
    mechanism=st.sampled_from(["plain", "login", "cram-md5"]),
    reply=st.builds(b"".join, st.tuples(st.sampled_from([b"334 ", b"235 ", b"535 "]), octets)),
)
def test_any_reply_to_a_login_has_an_outcome(mechanism: str, reply: bytes) -> None:
    check_publishable(asyncio.run(outcome_of_login(mechanism, reply)))


@settings(max_examples=150, deadline=None)
@given(answer=http_answers(telegram_bodies))
def test_any_answer_of_telegram_has_an_outcome(answer: Answer) -> None:
    check_publishable(asyncio.run(outcome_of("telegram", answer)))


@settings(max_examples=150, deadline=None)
@given(answer=http_answers(vk_bodies))
def test_any_answer_of_vk_has_an_outcome(answer: Answer) -> None:
    check_publishable(asyncio.run(outcome_of("vk", answer)))


async def test_refusal_in_cp1251_is_a_readable_rejection() -> None:
    outcome = await outcome_of("email", NOT_FOUND, "RCPT")

    assert outcome == Rejected("550 5.1.1", "Пользователь не найден")


async def test_acceptance_in_cp1251_is_an_acceptance() -> None:
    outcome = await outcome_of("email", ACCEPTED, ".")

    assert isinstance(outcome, Sent)
    assert outcome.message == "2.0.0 Письмо принято"


async def send_all(
    name: str, answer: Answer, stage: str, url: str, events: EventLog
) -> ScriptedServer:
    """Let a whole sender handle one delivery until it has told how that ended."""
    async with serving(name, answer, stage) as server:
        put(url, delivery_for(name))
        async with running_sender(channel_of(name, server), url, **{f"{name}_lanes": "normal:1"}):
            await eventually(lambda: {"sent", "failed"} & set(events.types()))
        return server


async def test_refusal_in_cp1251_is_one_attempt_and_one_dead_letter(gateway_url: str) -> None:
    events = EventLog(gateway_url)

    server = await send_all("email", NOT_FOUND, "RCPT", gateway_url, events)

    assert [line.split()[0] for line in server.heard].count("RCPT") == 1
    assert events.types() == ["failed"]
    assert events.read()[0].message == "Пользователь не найден"
    [(headers, _)] = take(gateway_url, "email.dead")
    assert headers["gw-fail-class"] == "rejected"
    assert headers["gw-fail-message"] == "Пользователь не найден"
    assert headers["gw-fail-attempts"] == 1


async def test_acceptance_in_cp1251_is_one_mail_and_no_dead_letter(gateway_url: str) -> None:
    events = EventLog(gateway_url)

    server = await send_all("email", ACCEPTED, ".", gateway_url, events)

    assert isinstance(server, ScriptedSmtp)
    assert len(server.mails) == 1
    assert events.types() == ["sent"]
    assert events.read()[0].message == "2.0.0 Письмо принято"
    assert (count(gateway_url, "email.dead"), count(gateway_url, "email.normal")) == (0, 0)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("telegram", refusal(error_code=403, description="\ud800\0\r\n\u202e" + "я" * 9000)),
        ("vk", vk_error(error_msg="\udcff\0\r\n\u202e" + "я" * 9000)),
    ],
)
async def test_hostile_words_reach_the_dead_letter(
    gateway_url: str, name: str, answer: bytes
) -> None:
    events = EventLog(gateway_url)

    await send_all(name, answer, "", gateway_url, events)

    [(headers, _)] = take(gateway_url, f"{name}.dead")
    assert headers["gw-fail-class"] == "rejected"
    assert headers["gw-fail-message"].endswith("яя")
    assert headers["gw-fail-message"] == events.read()[0].message

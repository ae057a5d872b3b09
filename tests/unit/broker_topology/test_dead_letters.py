"""What a dead letter is, who is meant by a filter, and what may be shown; pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker_topology.dead_letters.letter import failure_headers, group, mask_address, read_letter
from broker_topology.dead_letters.report import letter_json, specimen_json
from broker_topology.dead_letters.requeue import onward_headers, renewed
from broker_topology.dead_letters.selection import Selection, parse_moment
from broker_topology.dead_letters.walk import Specimen
from common.channels import Channel
from common.envelope import Progress
from common.times import epoch_ms, utc_now
from tests.support.dead_letters import DEAD_SINCE, reason
from tests.support.queues import make_delivery

DELIVERY = make_delivery(channel=Channel.EMAIL, address="Ada@example.com", tags=["orders", "eu"])
LETTER = read_letter("email.dead", DELIVERY.encode(), reason("550", "rejected"))
DIED = datetime(2026, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("ada@example.com", "a•wx6i•@example.com"),
        ("Ada@Example.com", "A•wx6i•@Example.com"),
        ("a@example.com", "a•bali•@example.com"),
        ("4123452", "4•bkj5•2"),
        ("-1001234", "-1•ozy6•4"),
        ("@newsroom", "@n•spnu•m"),
        ("42", "•ondv•"),
        ("https://user:secret@shop.example/hook?key=1", "https://shop.example/•53rn•"),
    ],
)
def test_address_is_masked(address: str, masked: str) -> None:
    assert mask_address(address) == masked


def test_masks_keep_recipients_apart_that_look_alike() -> None:
    addresses = [f"4{number:05}2" for number in range(200)]
    addresses += [f"a{number}@example.com" for number in range(200)]
    assert len({mask_address(address) for address in addresses}) == len(addresses)


@pytest.mark.parametrize(
    ("selection", "is_meant"),
    [
        (Selection(), True),
        (Selection(ids=frozenset({DELIVERY.id})), True),
        (Selection(ids=frozenset({"other"})), False),
        (Selection(channel="email"), True),
        (Selection(channel="vk"), False),
        (Selection(channel="unrouted"), True),
        (Selection(failed_as="rejected"), True),
        (Selection(failed_as="poison"), False),
        (Selection(code="550"), True),
        (Selection(code="5*"), True),
        (Selection(code="[5]50"), False),
        (Selection(tag="eu"), True),
        (Selection(tag="us"), False),
        (Selection(to="ada@EXAMPLE.com"), True),
        (Selection(to="email:ada@example.com"), True),
        (Selection(to="*@example.com"), True),
        (Selection(to="example.com"), False),
        (Selection(since=DEAD_SINCE), True),
        (Selection(since=DEAD_SINCE + timedelta(seconds=1)), False),
        (Selection(until=DEAD_SINCE), False),
        (Selection(until=DEAD_SINCE + timedelta(seconds=1)), True),
        (Selection(code="550", tag="us"), False),
    ],
)
def test_selection(selection: Selection, is_meant: bool) -> None:
    assert selection.matches(LETTER) is is_meant


def test_selection_without_times_is_not_about_letters_without_one() -> None:
    letter = read_letter("unrouted", DELIVERY.encode(), {})
    assert letter.failed_at is None
    assert Selection().matches(letter)
    assert not Selection(since=DEAD_SINCE).matches(letter)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-04-01T00:00:00+00:00", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-04-01T00:00:00Z", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-04-01", datetime(2026, 4, 1).astimezone()),
    ],
)
def test_moment(text: str, moment: datetime) -> None:
    assert parse_moment(text, datetime(2026, 5, 1, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize("text", ["yesterday", "", "999999999999d"])
def test_wrong_moment_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text!r} is "):
        parse_moment(text, utc_now())


@pytest.mark.parametrize(
    ("queue", "headers", "failed_as", "code"),
    [
        ("email.dead", reason("550"), "rejected", "550"),
        ("email.dead", {"gw-fail-class": "new-kind"}, "new-kind", ""),
        (
            "email.dead",
            {"x-death": [{"reason": "delivery_limit", "queue": "email.normal", "time": DIED}]},
            "broker",
            "delivery_limit",
        ),
        ("email.dead", {"x-first-death-reason": "expired"}, "broker", "expired"),
        ("email.dead", {"x-death": "garbage"}, "unknown", ""),
        ("email.dead", {}, "unknown", ""),
        ("unrouted", {}, "unrouted", "due"),
        ("unrouted", reason("550"), "unrouted", "550"),
    ],
)
def test_reason(queue: str, headers: dict[str, Any], failed_as: str, code: str) -> None:
    letter = read_letter(queue, DELIVERY.encode(), headers, exchange="due", routing_key="a.b")
    assert (letter.failed_as, letter.code) == (failed_as, code)


@pytest.mark.parametrize("body", [b"\xff\x00", b"{}", b"", b"[]"])
@pytest.mark.parametrize("headers", [{}, {"gw-attempt": "many", "gw-fail-time": 7}, reason()])
def test_anything_in_the_queue_can_be_described(body: bytes, headers: dict[str, Any]) -> None:
    letter = read_letter("vk.dead", body, headers, message_id="unidentified")
    assert letter.fault
    assert letter.id.startswith("body-")
    assert letter_json(letter)["decodable"] is False
    specimen = Specimen(letter, headers, body, "dead", "vk.normal", None)
    assert specimen_json(specimen, content=True)["class"] == letter.failed_as


def test_broker_made_reason_survives_as_headers() -> None:
    death = {"x-death": [{"reason": "delivery_limit", "queue": "email.normal", "time": DIED}]}
    letter = read_letter("email.dead", DELIVERY.encode(), death)
    again = read_letter("email.dead", DELIVERY.encode(), failure_headers(letter))
    assert again == letter
    assert again.failed_at == DIED.replace(tzinfo=UTC)


def test_groups_count_by_reason() -> None:
    other = read_letter("email.dead", DELIVERY.encode(), reason("421", "exhausted"))
    groups = group([LETTER, other, LETTER])
    assert [(one.failed_as, one.code, one.count) for one in groups] == [
        ("rejected", "550", 2),
        ("exhausted", "421", 1),
    ]
    assert groups[0].first_at == DEAD_SINCE


def test_recipient_and_content_are_shown_only_when_asked_for() -> None:
    headers = reason() | {"gw-address": "moved@example.com"}
    letter = read_letter("email.dead", DELIVERY.encode(), headers)
    specimen = Specimen(letter, headers, DELIVERY.encode(), "dead", "email.normal", DELIVERY.id)
    masked, whole = specimen_json(specimen, content=False), specimen_json(specimen, content=True)
    assert "moved@" not in str(masked)
    assert "hello" not in str(masked)
    assert whole["to"] == "email:moved@example.com"
    assert "hello" in str(whole["content"])


def test_reason_is_in_its_own_words_but_for_the_recipient_that_it_quotes() -> None:
    said = "550 5.1.1 <ADA@example.com>: no such user as ada@example.com.au"
    letter = read_letter("email.dead", DELIVERY.encode(), reason() | {"gw-fail-message": said})
    masked = mask_address("Ada@example.com")
    wanted = f"550 5.1.1 <{masked}>: no such user as {masked}.au"
    assert letter_json(letter)["message"] == wanted
    specimen = Specimen(
        letter, {"gw-fail-message": said}, DELIVERY.encode(), "dead", "email.normal", None
    )
    shown = specimen_json(specimen, content=False)
    assert (shown["message"], shown["headers"]) == (wanted, {"gw-fail-message": wanted})
    assert specimen_json(specimen, content=True)["message"] == said


def test_address_of_another_is_masked_in_a_reason_too() -> None:
    said = "550 5.1.1 <ada@example.com> forwards to bob@example.org, who is full"
    letter = read_letter("email.dead", DELIVERY.encode(), reason() | {"gw-fail-message": said})
    told = str(letter_json(letter)["message"])
    assert told.endswith(f"forwards to {mask_address('bob@example.org')}, who is full")


def test_onward_headers_are_a_new_generation() -> None:
    now = utc_now()
    headers = reason() | {"gw-generation": 3, "gw-step": 1, "traceparent": "x", "x-death": []}
    before = Progress.from_headers(headers)
    onward = onward_headers(headers, renewed(before, DELIVERY, now))
    lifetime = DELIVERY.expires_at - DELIVERY.accepted_at
    assert onward == {
        "traceparent": "x",
        "gw-generation": 4,
        "gw-step": 1,
        "gw-expires-at": epoch_ms(now + lifetime),
    }
    assert renewed(before, DELIVERY, now, "b@example.com").address == "b@example.com"


def test_expiry_is_the_headers_if_they_have_one() -> None:
    assert Progress().expiry_ms(DELIVERY) == epoch_ms(DELIVERY.expires_at)
    assert Progress.from_headers({"gw-expires-at": 5}).expiry_ms(DELIVERY) == 5

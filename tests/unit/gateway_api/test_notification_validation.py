"""What the door lets in, what it refuses, and where it says the fault is."""

import contextlib
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from common.channels import EXAMPLES, Channel, Priority
from common.envelope import CopyOf, Delivery, WireCallback, WireVk, WireWebhook
from common.http.problems import Problem
from common.recipients import parse_recipient
from common.times import utc_now
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.validation import ValidNotification, validate_notification

EMAIL = {"to": "email:ada@example.com", "subject": "Hello", "text": "world"}
TELEGRAM = {"to": "telegram:42", "text": "world"}
VK = {"to": "vk:123", "text": "world"}
HOOK = "webhook:https://shop.example.com"
WEBHOOK = {"to": HOOK, "text": "world"}


def validate(document: Any) -> ValidNotification:
    return validate_notification(json.dumps(document).encode())


def faults_of(document: Any) -> dict[str, str]:
    """Path of each fault → its sentence."""
    with pytest.raises(Problem) as caught:
        validate(document)
    assert caught.value.kind.code == "invalid_request"
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize("document", [EMAIL, TELEGRAM, VK, WEBHOOK])
def test_minimal_requests_are_valid(document: dict[str, Any]) -> None:
    assert validate(document).recipients


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("email:ada@example.com", "email:ada@example.com"),
        ("email:Ada@EXAMPLE.org", "email:Ada@example.org"),
        ("email:ada@mail.test", "email:ada@mail.test"),
        ("email:ada@nas.local", "email:ada@nas.local"),
        ("email:ada@mail.corp.internal", "email:ada@mail.corp.internal"),
        ("email:ada+tag@example.com", "email:ada+tag@example.com"),
        ("email:почта@пример.рф", "email:почта@пример.рф"),
        ("email:ada@xn--e1afmkfd.xn--p1ai", "email:ada@пример.рф"),
        ("telegram:42", "telegram:42"),
        ("telegram:-1001234567890", "telegram:-1001234567890"),
        (f"telegram:{2**52 - 1}", f"telegram:{2**52 - 1}"),
        ("telegram:@news", "telegram:@news"),
        ("telegram:@news_1", "telegram:@news_1"),
        ("vk:123", "vk:123"),
        ("vk:2000000001", "vk:2000000001"),
        ("vk:-42", "vk:-42"),
        (f"vk:{-(2**63)}", f"vk:{-(2**63)}"),
        ("webhook:HTTPS://Shop.Example.com:443", "webhook:https://shop.example.com/"),
        ("webhook:http://10.20.0.1:8080/A?b=C", "webhook:http://10.20.0.1:8080/A?b=C"),
    ],
)
def test_recipient_is_read_and_normalised(written: str, normalised: str) -> None:
    assert str(parse_recipient(written)) == normalised


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada@example.com",
        "email",
        "email:",
        "Email:ada@example.com",
        "webhook:",
        "webhook:shop.example.com/hooks",
        "webhook:https://user:word@shop.example.com/",
        "webhook:https://2130706433/",
        "webhook:https://shop.example.com/#a",
        "webhook:https://shop.example.com/я",
        "webhook:https://shop.example.com/" + "a" * 1_000_000,
        "fax:42",
        "email:ada",
        "email:ada@localhost",
        "email:ada@x.invalid",
        "email:ada@example.com, bob@example.com",
        "email:Ada <ada@example.com>",
        "email:ada@example.com\r\nBcc: eve@example.com",
        "email:ada\x00@example.com",
        "email: ada@example.com",
        "email:ada@[127.0.0.1]",
        "email:" + "a" * 1_000_000 + "@example.com",
        "telegram:0",
        "telegram:042",
        "telegram:+42",
        "telegram:4 2",
        "telegram:٤٢",
        "telegram:42\n",
        f"telegram:{2**52}",
        f"telegram:-{2**52}",
        "telegram:@abc",
        "telegram:@1abcd",
        "telegram:@" + "a" * 33,
        "telegram:news",
        "vk:0",
        "vk:id1",
        f"vk:{2**63}",
        f"vk:{-(2**63) - 1}",
        "vk:" + "9" * 5000,
    ],
)
def test_wrong_recipient_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_recipient(written)


def test_one_wrong_recipient_refuses_the_request_and_names_its_index() -> None:
    document = EMAIL | {"to": ["email:ada@example.com", "email:bob@", "email:eve@example.com"]}

    faults = faults_of(document)

    assert list(faults) == ["/to/1"]
    assert "'bob@' is not an email address" in faults["/to/1"]


def test_all_faults_are_told_at_once() -> None:
    document = {"to": ["telegram:x", "vk:0", "email:ada@example.com"], "text": "x" * 5000}

    assert list(faults_of(document)) == ["/to/0", "/to/1", "/subject", "/text"]


LONG = "x" * 4097
BUTTON = {"text": "Open", "url": "https://example.com"}
BUTTONS = "/telegram/buttons"
THREAD = "/telegram/message_thread_id"
HEADERS = "/email/headers"


@pytest.mark.parametrize(
    ("document", "path", "word"),
    [
        # shape
        ([], "", "object"),
        (None, "", "object"),
        ({}, "/to", "required"),
        (EMAIL | {"to": []}, "/to", "1 or more"),
        (EMAIL | {"to": 7}, "/to", "array"),
        (EMAIL | {"to": ["email:ada@example.com", 7]}, "/to/1", "string"),
        (EMAIL | {"to": [f"telegram:{n}" for n in range(1, 102)]}, "/to", "100"),
        (EMAIL | {"to": "bob"}, "/to", "channel:address"),
        (EMAIL | {"subjct": "x"}, "/subjct", "did you mean subject?"),
        (EMAIL | {"a/b~c": 1}, "/a~1b~0c", "not a known field"),
        (EMAIL | {"send_at": "2026-12-01T09:00:00Z"}, "/send_at", "not a known field"),
        (EMAIL | {"email": {"attachments": []}}, "/email/attachments", "not a known field"),
        (EMAIL | {"strategy": "fallback"}, "/strategy", "'all'"),
        (EMAIL | {"priority": "urgent"}, "/priority", "'high'"),
        (EMAIL | {"expires_in_s": 0}, "/expires_in_s", "at least 1"),
        (EMAIL | {"expires_in_s": 2_592_001}, "/expires_in_s", "at most 2592000"),
        (EMAIL | {"expires_in_s": "60"}, "/expires_in_s", "whole number"),
        (EMAIL | {"expires_in_s": True}, "/expires_in_s", "whole number"),
        (EMAIL | {"tags": ["x"] * 21}, "/tags", "20"),
        (EMAIL | {"tags": ["ok", "x" * 65]}, "/tags/1", "64"),
        (EMAIL | {"tags": ["a\nb"]}, "/tags/0", "control"),
        (EMAIL | {"metadata": []}, "/metadata", "object"),
        (EMAIL | {"metadata": {"a": "x" * 4096}}, "/metadata", "4096 bytes"),
        (EMAIL | {"metadata": {"a": ["\x00"]}}, "/metadata/a/0", "control"),
        (EMAIL | {"metadata": {"a\x00": 1}}, "/metadata", "control"),
        (EMAIL | {"metadata": {"a": float("inf")}}, "/metadata/a", "finite"),
        # recipients
        (TELEGRAM | {"to": ["telegram:42", "telegram:42"]}, "/to/1", "twice"),
        (
            WEBHOOK | {"to": [f"{HOOK}/a", "webhook:ftp://shop.example.com"]},
            "/to/1",
            "must begin with https",
        ),
        (WEBHOOK | {"to": [f"{HOOK}/a", f"{HOOK}:443/a"]}, "/to/1", "twice"),
        (TELEGRAM | {"to": ["telegram:@News1", "telegram:@news1"]}, "/to/1", "twice"),
        (EMAIL | {"to": ["email:a@X.org", "email:A@x.org"]}, "/to/1", "twice"),
        # email
        (EMAIL | {"subject": None}, "/subject", "needs a subject"),
        (EMAIL | {"subject": " "}, "/subject", "needs a subject"),
        (EMAIL | {"text": None}, "/text", "needs text or html"),
        (EMAIL | {"text": "", "html": " \n"}, "/text", "needs text or html"),
        (EMAIL | {"subject": "a\r\nBcc: eve@example.com"}, "/subject", "control"),
        (EMAIL | {"subject": "a\x00"}, "/subject", "control"),
        (EMAIL | {"subject": "a\u2028b"}, "/subject", "line breaks"),
        (EMAIL | {"subject": "x" * 999}, "/subject", "998"),
        (EMAIL | {"text": "a\x00"}, "/text", "control"),
        (EMAIL | {"html": "a\x1b"}, "/html", "control"),
        (EMAIL | {"email": {"from_name": "a\nb"}}, "/email/from_name", "control"),
        (EMAIL | {"email": {"from_name": "a\x85b"}}, "/email/from_name", "line breaks"),
        (EMAIL | {"email": {"reply_to": "bob"}}, "/email/reply_to", "not an email"),
        (EMAIL | {"email": {"cc": ["bob@example.com", "x"]}}, "/email/cc/1", "not an email"),
        (EMAIL | {"email": {"bcc": ["x"]}}, "/email/bcc/0", "not an email"),
        (EMAIL | {"email": {"cc": ["Ada@example.com"]}}, "/email/cc/0", "already"),
        (
            EMAIL | {"email": {"cc": ["b@example.com"], "bcc": ["b@example.com"]}},
            "/email/bcc/0",
            "already",
        ),
        (
            EMAIL | {"to": ["email:a@x.org", "email:b@x.org"], "email": {"cc": ["c@example.com"]}},
            "/email/cc",
            "exactly one email recipient in `to`, not 2",
        ),
        # options without their channel
        (TELEGRAM | {"email": {}}, "/email", "no email recipient"),
        (EMAIL | {"telegram": {}}, "/telegram", "no telegram recipient"),
        (EMAIL | {"vk": {}}, "/vk", "no vk recipient"),
        # telegram
        (TELEGRAM | {"text": None}, "/text", "needs text or html"),
        (TELEGRAM | {"text": LONG}, "/text", "4097 characters"),
        (TELEGRAM | {"subject": "ab", "text": "x" * 4093}, "/text", "4097 characters"),
        (TELEGRAM | {"text": "x" * 16385, "telegram": {"parse_mode": "HTML"}}, "/text", "16384"),
        (TELEGRAM | {"text": None, "html": "x" * 16385}, "/html", "16384"),
        (
            TELEGRAM | {"text": None, "html": "<b>x</b>", "telegram": {"parse_mode": "Markdown"}},
            "/telegram/parse_mode",
            "html is sent as HTML",
        ),
        (
            TELEGRAM | {"telegram": {"buttons": [[{"text": "x", "url": "javascript:1"}]]}},
            "/telegram/buttons/0/0/url",
            "must match",
        ),
        (
            TELEGRAM | {"telegram": {"protect_content": "yes"}},
            "/telegram/protect_content",
            "true or false",
        ),
        (
            TELEGRAM | {"telegram": {"disable_notification": 1}},
            "/telegram/disable_notification",
            "true or false",
        ),
        (
            TELEGRAM | {"telegram": {"link_preview": {"is_disabled": "no"}}},
            "/telegram/link_preview/is_disabled",
            "true or false",
        ),
        (TELEGRAM | {"telegram": {"message_thread_id": "5"}}, THREAD, "whole number"),
        (TELEGRAM | {"telegram": {"message_thread_id": True}}, THREAD, "whole number"),
        (TELEGRAM | {"telegram": {"message_thread_id": 5.0}}, THREAD, "whole number"),
        (TELEGRAM | {"telegram": {"message_thread_id": 0}}, THREAD, "at least 1"),
        (TELEGRAM | {"telegram": {"message_thread_id": 2**53 + 1}}, THREAD, "at most"),
        (TELEGRAM | {"telegram": {"message_thread_id": 10**30}}, THREAD, "at most"),
        (TELEGRAM | {"telegram": {"buttons": [[BUTTON], []]}}, BUTTONS + "/1", "not 0"),
        (TELEGRAM | {"telegram": {"buttons": [[BUTTON] * 9]}}, BUTTONS + "/0", "not 9"),
        (
            TELEGRAM | {"telegram": {"buttons": [[BUTTON] * 5000]}},
            BUTTONS + "/0",
            "at most 100",
        ),
        (TELEGRAM | {"telegram": {"buttons": [[BUTTON] * 100]}}, BUTTONS + "/0", "1 to 8 buttons"),
        (
            TELEGRAM | {"telegram": {"buttons": [[BUTTON] * 8] * 12 + [[BUTTON] * 5]}},
            BUTTONS,
            "101 buttons",
        ),
        (TELEGRAM | {"telegram": {"buttons": [[BUTTON]] * 101}}, BUTTONS, "100"),
        # what could reach a header of an email
        (EMAIL | {"subject": "a\x85b"}, "/subject", "control characters"),
        (EMAIL | {"subject": "a\x9fb"}, "/subject", "control characters"),
        (EMAIL | {"subject": "a\x7fb"}, "/subject", "control characters"),
        (EMAIL | {"email": {"from_name": "a\x80b"}}, "/email/from_name", "control characters"),
        (EMAIL | {"email": {"from_name": "a\u202eb"}}, "/email/from_name", "direction"),
        (EMAIL | {"email": {"headers": {"List-Id": "\x90"}}}, f"{HEADERS}/List-Id", "control"),
        (EMAIL | {"email": {"reply_to": "a\x90@example.org"}}, "/email/reply_to", "unsafe"),
        (EMAIL | {"to": f"email:{'a' * 65}@example.org"}, "/to", "65 bytes before the @"),
        (EMAIL | {"to": f"email:{'я' * 33}@example.org"}, "/to", "66 bytes before the @"),
        (EMAIL | {"email": {"cc": ["=?utf-8?q?a=2C?=@x.org"]}}, "/email/cc/0", "encoded word"),
        # vk
        (VK | {"text": None, "html": "<b>x</b>"}, "/text", "needs text"),
        (VK | {"text": LONG}, "/text", "VK takes at most 4096"),
        (VK | {"vk": {"dont_parse_links": "true"}}, "/vk/dont_parse_links", "true or false"),
        (VK | {"vk": {"keyboard": {"a": "x" * 32768}}}, "/vk/keyboard", "32768 bytes"),
        (VK | {"vk": {"keyboard": {"a": [{"b": "\x00"}]}}}, "/vk/keyboard/a/0/b", "control"),
        # webhook
        ({"to": HOOK}, "/text", "needs text, html, a subject or webhook.data"),
        ({"to": HOOK, "text": " ", "webhook": {}}, "/text", "needs text, html"),
        (WEBHOOK | {"to": "webhook:https://u:p@h/"}, "/to", "user and password"),
        (WEBHOOK | {"webhook": {"data": {"a": "x" * 65_536}}}, "/webhook/data", "65536 bytes"),
        (WEBHOOK | {"webhook": {"data": {"a": ["\x00"]}}}, "/webhook/data/a/0", "control"),
        (WEBHOOK | {"webhook": {"body": "{}"}}, "/webhook/body", "known field"),
        (WEBHOOK | {"webhook": {"id": "evt_1"}}, "/webhook/id", "known field"),
        (EMAIL | {"webhook": {"data": {}}}, "/webhook", "no webhook recipient"),
    ],
)
def test_fault_is_named_with_its_path(document: Any, path: str, word: str) -> None:
    faults = faults_of(document)

    assert list(faults) == [path]
    assert word in faults[path]


@pytest.mark.parametrize(
    "document",
    [
        EMAIL | {"text": "x" * 100_000},
        TELEGRAM | {"text": "x" * 4096},
        TELEGRAM | {"subject": "ab", "text": "x" * 4092},
        TELEGRAM | {"text": "x" * 5000, "telegram": {"parse_mode": "MarkdownV2"}},
        TELEGRAM | {"text": None, "html": "<b>x</b>", "telegram": {"parse_mode": "HTML"}},
        TELEGRAM | {"telegram": {"buttons": [[BUTTON] * 8] * 12 + [[BUTTON] * 4]}},
        TELEGRAM | {"telegram": {"buttons": [[BUTTON]] * 100, "message_thread_id": 2**53}},
        TELEGRAM | {"telegram": {"buttons": []}},
        EMAIL | {"text": "tab\tand\r\nline breaks\u2028are fine"},
        EMAIL | {"expires_in_s": 2_592_000, "tags": ["x" * 64] * 20},
        EMAIL | {"metadata": {"a": [1, 2.5, None, {"b": "x\ny"}]}},
        EMAIL | {"email": None, "telegram": None},
    ],
)
def test_what_is_within_the_limits_is_valid(document: Any) -> None:
    assert validate(document)


@pytest.mark.parametrize(
    ("name", "value", "is_allowed"),
    [
        ("List-Unsubscribe", "<https://example.com/u?" + "x" * 900 + ">", True),
        ("list-unsubscribe-post", "List-Unsubscribe=One-Click", True),
        ("List-Id", "news <news.example.com>", True),
        ("References", "<1@example.com>", True),
        ("In-Reply-To", "<1@example.com>", True),
        ("Importance", "high", True),
        ("X-Priority", "1", True),
        ("Feedback-ID", "a:b:c:d", True),
        ("Precedence", "bulk", True),
        ("List-Help", "<https://example.com/help>", True),
        ("X-Entity-Ref-ID", "спасибо", True),
        ("X-Auto-Response-Suppress", "All", True),
        ("X-Campaign", "1", False),
        ("X-SMTPAPI", '{"to": ["eve@example.com"]}', False),
        ("X-SES-Source-ARN", "1", False),
        ("X-Mailgun-Variables", "{}", False),
        ("X-PM-Message-Stream", "1", False),
        ("X-MSYS-API", "{}", False),
        ("X-MC-Template", "1", False),
        ("X-SG-EID", "1", False),
        ("X-Gateway-Id", "1", False),
        ("X-", "1", False),
        ("From", "eve@example.com", False),
        ("Bcc", "eve@example.com", False),
        ("Auto-Submitted", "no", False),
        ("Content-Type", "text/html", False),
        ("List-Id: b", "1", False),
        ("List-Ключ", "1", False),
        ("List-Id", " ", False),
        ("List-Id", "a\u2029b", False),
        ("List-Id", "x" * 991, False),
    ],
)
def test_email_headers_come_from_an_allow_list(name: str, value: str, is_allowed: bool) -> None:
    document = EMAIL | {"email": {"headers": {name: value}}}

    if is_allowed:
        assert validate(document)
    else:
        escaped = name.replace("/", "~1")
        assert list(faults_of(document)) == [f"/email/headers/{escaped}"]


def test_operator_may_allow_more_headers() -> None:
    body = json.dumps(EMAIL | {"email": {"headers": {"X-Campaign": "7"}}}).encode()

    valid = validate_notification(body, frozenset({"x-campaign"}))

    assert valid.email is not None
    assert valid.email.headers == {"X-Campaign": "7"}


def test_header_line_break_and_repetition_are_refused() -> None:
    injected = EMAIL | {"email": {"headers": {"List-Id": "1\r\nBcc: eve@example.com"}}}
    injected_name = EMAIL | {"email": {"headers": {"List-Id\r\nBcc": "eve@example.com"}}}
    repeated = EMAIL | {"email": {"headers": {"List-Id": "1", "list-id": "2"}}}

    assert list(faults_of(injected)) == ["/email/headers/List-Id"]
    assert list(faults_of(injected_name)) == ["/email/headers/List-Id\r\nBcc"]
    assert list(faults_of(repeated)) == ["/email/headers/list-id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"to": "\\ud800"}',
        b'{"to": ' + b"[" * 1000,
        b'{"metadata": {"a": ' + b"9" * 5000 + b"}}",
    ],
)
def test_what_is_not_json_says_where(body: bytes) -> None:
    with pytest.raises(Problem, match="line 1 column") as caught:
        validate_notification(body)

    assert caught.value.kind.code == "malformed_json"


@pytest.mark.parametrize(
    "document",
    [
        EMAIL | {"to": "email:" + "a" * 1_000_000 + "@example.com"},
        EMAIL | {"text": "a" * 1_000_000},
    ],
)
def test_large_body_does_not_hold_up_others(document: Any) -> None:
    """Checking takes a few ms; the best of several tries counts, for others use the machine too."""
    body = json.dumps(document).encode()

    def check_s() -> float:
        started = time.perf_counter()
        with contextlib.suppress(Problem):
            validate_notification(body)
        return time.perf_counter() - started

    assert min(check_s() for _ in range(10)) < 0.02


def test_hostile_body_gets_a_bounded_answer() -> None:
    many_fields = {f"a{n}": 1 for n in range(50_000)}
    some_fields = {f"a{n}": 1 for n in range(500)}

    assert list(faults_of(EMAIL | many_fields)) == [""]
    assert len(faults_of(EMAIL | some_fields)) == 100
    assert list(faults_of(EMAIL | {"to": [1] * 100_000})) == ["/to/0"]


def test_each_delivery_carries_only_what_its_channel_sends() -> None:
    document = {
        "to": ["telegram:42", "vk:1", "email:ada@example.com"],
        "subject": "s",
        "text": "t",
        "html": "h",
        "email": {"reply_to": "Bob@EXAMPLE.com"},
        "vk": {"dont_parse_links": True},
        "priority": "high",
        "expires_in_s": 60,
    }
    moment = utc_now()

    telegram, vk, email = build_deliveries(validate(document), uuid7(), moment, 86_400)

    assert (telegram.text, telegram.html, telegram.vk, telegram.email) == ("t", None, None, None)
    assert (vk.text, vk.html, vk.vk) == ("t", None, WireVk(dont_parse_links=True))
    assert (email.text, email.html, email.vk) == ("t", "h", None)
    assert email.email is not None
    assert email.email.reply_to == "Bob@example.com"
    assert {one.expires_at for one in (telegram, vk, email)} == {moment + timedelta(seconds=60)}
    assert {one.priority for one in (telegram, vk, email)} == {Priority.HIGH}


@pytest.mark.parametrize(
    "content",
    [{"text": "t"}, {"html": "h"}, {"subject": "s"}, {"webhook": {"data": {}}}],
)
def test_webhook_needs_one_content_of_any_kind(content: dict[str, Any]) -> None:
    [delivery] = build_deliveries(validate({"to": HOOK} | content), uuid7(), utc_now(), 60)
    assert delivery.address == "https://shop.example.com/"
    assert (delivery.webhook or WireWebhook()).id is None


def test_path_of_a_webhook_tells_two_apart_by_its_letters() -> None:
    found = validate(WEBHOOK | {"to": [f"{HOOK}/a", f"{HOOK}/A"]})
    assert len(found.recipients) == 2


def test_copies_are_deliveries_of_their_own_and_bcc_is_in_no_body() -> None:
    email = {"cc": ["bob@EXAMPLE.com"], "bcc": ["eve@example.com"]}
    document = EMAIL | {"to": ["telegram:42", "email:ada@example.com"], "email": email}
    notification_id = uuid7()

    deliveries = build_deliveries(validate(document), notification_id, utc_now(), 60)

    assert [one.id for one in deliveries] == [f"{notification_id}-{n}" for n in (1, 2, 3, 4)]
    assert [one.address for one in deliveries[2:]] == ["bob@example.com", "eve@example.com"]
    original = CopyOf(delivery_id=deliveries[1].id, address="ada@example.com")
    assert [one.copy_of for one in deliveries] == [None, None, original, original]
    for delivery in deliveries[1:3]:
        assert delivery.email is not None
        assert delivery.email.cc == ["bob@example.com"]
        assert b"eve@" not in delivery.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECIPIENTS = st.sampled_from([*(f"{channel}:" for channel in Channel), "telegram:@", ""]).flatmap(
    lambda prefix: (st.text() | st.emails() | st.integers().map(str)).map(prefix.__add__)
)
DOCUMENTS = st.fixed_dictionaries(
    {"to": st.lists(RECIPIENTS, max_size=3) | RECIPIENTS | JSON},
    optional={
        "subject": st.text() | JSON,
        "text": st.text() | JSON,
        "html": st.text() | JSON,
        "email": st.dictionaries(
            st.sampled_from(["cc", "bcc", "headers", "reply_to", "from_name"]), JSON
        ),
        "telegram": JSON,
        "vk": st.fixed_dictionaries({"keyboard": JSON}),
        "webhook": st.fixed_dictionaries({"data": JSON}),
        "metadata": JSON,
        "tags": st.lists(st.text()),
    },
)


def accept(body: bytes) -> list[Delivery] | Problem:
    try:
        return build_deliveries(validate_notification(body), uuid7(), utc_now(), 60)
    except Problem as problem:
        return problem


@given(JSON | DOCUMENTS)
def test_any_json_is_accepted_or_refused_as_the_clients_fault(document: Any) -> None:
    outcome = accept(json.dumps(document).encode())

    if isinstance(outcome, Problem):
        assert outcome.kind.status in (400, 422)
        assert json.loads(bytes(outcome.response().body))
    else:
        assert all(Delivery.decode(one.encode()) == one for one in outcome)


@given(st.binary())
def test_any_bytes_are_refused_as_the_clients_fault(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        validate_notification(body)

    assert caught.value.kind.status in (400, 422)


def test_every_channel_can_be_a_recipient() -> None:
    read = [parse_recipient(example) for example in EXAMPLES]

    assert [recipient.channel for recipient in read] == list(Channel)


def test_callback_travels_with_each_delivery_in_the_one_form_of_its_url() -> None:
    asked = {"callback_url": "HTTPS://Shop.Example.com:443/hooks", "callback_events": ["*"]}
    wanted = WireCallback(url="https://shop.example.com/hooks", events=["*"])
    two = {"to": ["telegram:42", "vk:123"], "text": "world"}
    found = build_deliveries(validate(two | asked), uuid7(), utc_now(), 60)
    assert [one.callback for one in found] == [wanted, wanted]
    [plain] = build_deliveries(validate(VK), uuid7(), utc_now(), 60)
    assert plain.callback is None


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"callback_url": "https://user:word@shop.example.com/"}, "/callback_url"),
        ({"callback_url": "https://0x7f000001/"}, "/callback_url"),
        ({"callback_url": 7}, "/callback_url"),
        ({"callback_events": ["*"]}, "/callback_events"),
        ({"callback_url": HOOK[8:], "callback_events": []}, "/callback_events"),
        ({"callback_url": HOOK[8:], "callback_events": ["*", "sent"]}, "/callback_events/1"),
    ],
)
def test_callback_that_cannot_be_made_is_refused(asked: dict[str, Any], path: str) -> None:
    assert set(faults_of(VK | asked)) == {path}


@pytest.mark.parametrize(("versions", "travels"), [([1], None), ([3, 2], [3, 2])])
def test_webhook_says_which_secrets_sign_it(versions: list[int], travels: list[int] | None) -> None:
    [one] = build_deliveries(
        validate(WEBHOOK), uuid7(), utc_now(), 60, owner="k_own", secret_versions=versions
    )
    assert (one.webhook and one.webhook.secret_versions) == travels


def test_plain_http_is_refused_where_no_network_may_be_called_so() -> None:
    asked = {"to": [HOOK, "webhook:http://10.20.0.1/"], "text": "t", "callback_url": "http://a.b/"}
    body = json.dumps(asked).encode()
    with pytest.raises(Problem) as caught:
        validate_notification(body, may_be_plain=False)
    assert {fault.path for fault in caught.value.faults} == {"/to/1", "/callback_url"}
    assert "GATEWAY_CALLBACK_ALLOW_NETWORKS" in caught.value.faults[0].message
    assert validate_notification(body).recipients

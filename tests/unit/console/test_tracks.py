"""The time line of a notification, and what it tells of each delivery."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from console.pages.notifications.one.content import again_of, read_content
from console.pages.notifications.one.story import Life, life_of
from console.pages.notifications.one.tracks import Chart, chart_of
from store.events import StoredEvent
from store.rows import DeliveryRow
from tests.support.queues import make_delivery

ID = UUID("0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6")


def fact(kind: str, at_ms: int, **changes: Any) -> StoredEvent:
    said = ("owner", "address", "outcome", "code", "message", "provider_id")
    known = dict.fromkeys((*said, "began_at_ms", "took_ms", "next_at_ms"))
    told: dict[str, Any] = known | {
        "seq": at_ms,
        "id": uuid4(),
        "type": kind,
        "notification_id": ID,
        "number": 1,
        "channel": "email",
        "at_ms": at_ms,
        "generation": 0,
        "attempt": 0,
        "status": "queued",
        "notification_status": "queued",
    }
    return StoredEvent(**told | changes)


def attempt(kind: str, number: int, began_ms: int, took_ms: int, **changes: Any) -> StoredEvent:
    more = {"attempt": number, "began_at_ms": began_ms, "took_ms": took_ms}
    return fact(kind, began_ms + took_ms, **more | changes)


def life(*facts: StoredEvent, status: str = "sent", **changes: Any) -> Life:
    is_masked = changes.pop("is_masked", False)
    row = DeliveryRow(ID, 1, "email", "normal", 0, status, address="ada@example.com", **changes)
    return life_of(row, facts, is_masked=is_masked)


def spans(chart: Chart) -> list[tuple[str, int, int]]:
    [track] = chart.tracks
    return [(one.kind, one.from_ms, one.until_ms) for one in track.spans]


def test_waiting_attempts_and_parking_follow_each_other() -> None:
    told = life(
        fact("accepted", 0),
        attempt("retrying", 1, 100, 50, outcome="transient", next_at_ms=5000),
        attempt("sent", 2, 5200, 300, outcome="sent"),
    )
    chart = chart_of(0, [told], 99_000)
    assert spans(chart) == [
        ("waiting", 0, 100),
        ("attempt", 100, 150),
        ("parked", 150, 5000),
        ("waiting", 5000, 5200),
        ("attempt", 5200, 5500),
    ]
    assert [one.kind for one in chart.tracks[0].marks] == ["accepted", "sent"]
    assert (chart.begin_ms, chart.end_ms) == (0, 5500)
    assert chart.percent(5500) == 100


def test_what_is_planned_stands_on_the_line_too() -> None:
    told = life(
        fact("accepted", 0),
        fact("delayed", 400, outcome="throttled", next_at_ms=9000),
        status="retrying",
    )
    assert spans(chart_of(0, [told], 1000)) == [("waiting", 0, 400), ("held", 400, 9000)]
    late = [("waiting", 0, 400), ("held", 400, 9000), ("waiting", 9000, 12_000)]
    assert spans(chart_of(0, [told], 12_000)) == late


def test_new_generation_waits_again_from_when_it_was_requeued() -> None:
    told = life(
        fact("accepted", 0),
        attempt("failed", 1, 100, 50, outcome="rejected"),
        fact("requeued", 4000, generation=1),
        attempt("sent", 1, 4500, 10, outcome="sent", generation=1),
        generation=1,
    )
    assert spans(chart_of(0, [told], 9000)) == [
        ("waiting", 0, 100),
        ("attempt", 100, 150),
        ("waiting", 4000, 4500),
        ("attempt", 4500, 4510),
    ]


def test_facts_in_any_order_and_without_acceptance_make_a_line() -> None:
    told = life(attempt("sent", 1, 500, 10), attempt("retrying", 1, 100, 10, next_at_ms=400))
    assert [one.kind for one in told.facts] == ["retrying", "sent"]
    assert spans(chart_of(50, [told], 999))[0] == ("waiting", 50, 100)
    assert chart_of(50, [], 999).percent(50) == 0


def test_duplicates_doubts_and_bugs_are_told_as_such() -> None:
    told = life(
        attempt("retrying", 1, 10, 5, outcome="unknown"),
        attempt("retrying", 2, 20, 5, outcome="crashed", message="Traceback: /srv/secret.py"),
        attempt("sent", 3, 30, 5),
        attempt("sent", 4, 40, 5),
    )
    assert [one.perhaps for one in told.facts] == [True, False, False, False]
    assert [one.is_again for one in told.facts] == [False, False, False, True]
    assert (told.facts[1].is_ours, told.facts[1].says) == (True, "")


def test_who_sees_no_address_finds_none_in_the_providers_words() -> None:
    said = "no mailbox ada@example.com here, ask bob@example.com"
    told = life(attempt("failed", 1, 10, 5, message=said), is_masked=True)
    assert "ada" not in told.facts[0].says
    assert "bob" not in told.facts[0].says
    assert life(attempt("failed", 1, 10, 5, message=said)).facts[0].says == said


@pytest.mark.parametrize(
    ("status", "stalled_at_ms", "way"),
    [
        ("failed", None, "requeue"),
        ("queued", 5, "resend"),
        ("queued", None, ""),
        ("retrying", None, ""),
        ("sent", None, "anew"),
        ("expired", None, "anew"),
        ("discarded", None, "anew"),
    ],
)
def test_way_to_send_again_is_its_states(status: str, stalled_at_ms: int | None, way: str) -> None:
    assert life(status=status, stalled_at_ms=stalled_at_ms).again == way


def test_content_has_what_its_channel_sends() -> None:
    buttons = {"buttons": [[{"text": "Open", "url": "https://a.example"}]]}
    chat = read_content(make_delivery(text="hi", telegram=buttons).encode())
    assert chat is not None
    assert chat.is_chat
    assert chat.buttons == (("Open", "https://a.example"),)
    mail = make_delivery(
        channel="email",
        address="ada@example.com",
        subject="s",
        text="t",
        html="<p>h",
        email={"reply_to": "b@example.com", "headers": {"List-Id": "<news>"}},
        metadata={"order": 7},
    )
    shown = read_content(mail.encode())
    assert shown is not None
    headers = {name: value for name, value in shown.headers if value}
    assert headers == {"Reply-To": "b@example.com", "List-Id": "<news>", "metadata.order": "7"}
    again = again_of(shown)
    assert again is not None
    assert (again["to"], again["html"]) == ("email:ada@example.com", "<p>h")
    assert read_content(b"{}") is None

"""What the page Events shows: filters of its URL, and facts as they are told to whom."""

from uuid import uuid4

import pytest

from common.envelope import EventType
from console.pages.events.filters import Filters, filters_of
from console.pages.events.rows import Shown
from console.people.person import Role
from store.events import StoredEvent


def fact(**changes: object) -> StoredEvent:
    """One failure of an email."""
    values: dict[str, object] = {
        "seq": 7,
        "id": uuid4(),
        "type": EventType.FAILED.value,
        "notification_id": uuid4(),
        "number": 1,
        "channel": "email",
        "owner": None,
        "at_ms": 1_777_638_600_250,
        "generation": 0,
        "attempt": 1,
        "status": "failed",
        "notification_status": "failed",
        "address": "ada@example.com",
        "outcome": "permanent",
        "code": "550",
        "message": "<ada@example.com>: no such user",
        "provider_id": None,
        "began_at_ms": None,
        "took_ms": None,
        "next_at_ms": None,
    }
    return StoredEvent(**values | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "takes"),
    [
        ("", True),
        ("*", True),
        ("email.*", True),
        ("*.failed", True),
        ("email.failed", True),
        ("failed", True),
        ("email", True),
        ("vk.*, *.sent failed", True),
        ("vk.*", False),
        ("*.sent", False),
        ("sent,vk", False),
    ],
)
def test_patterns_choose_facts(pattern: str, takes: bool) -> None:
    assert filters_of({"pattern": pattern}).takes(fact()) is takes


@pytest.mark.parametrize(
    ("name", "value"),
    [("pattern", "email.*;drop"), ("notification", "42"), ("at", "soon")],
)
def test_what_cannot_be_read_is_told_and_does_not_count(name: str, value: str) -> None:
    filters = filters_of({name: value})
    assert filters.faults == {name: value}
    assert filters.takes(fact())


def test_time_without_a_zone_is_utc() -> None:
    assert filters_of({"at": "2026-05-01 12:30:00"}).until_ms == 1_777_638_600_000
    assert filters_of({"at": "2026-05-01T14:30:00+02:00"}).until_ms == 1_777_638_600_000
    assert not filters_of({"at": "2026-05-01"}).is_live
    assert not filters_of({"before": "7"}).is_live
    assert filters_of({}).is_live


@pytest.mark.parametrize(("role", "is_whole"), [(Role.VIEWER, False), (Role.OPERATOR, True)])
def test_viewer_sees_no_whole_address(role: Role, is_whole: bool) -> None:
    row = Shown(role).row(fact())
    assert ("ada@example.com" in str(row)) is is_whole
    assert row["to"].startswith("email:a")
    assert "no such user" in row["said"]
    assert row["at"] == "2026-05-01T12:30:00.250Z"


@pytest.mark.parametrize("address", ["ada@example.com", None])
def test_viewer_sees_no_address_of_others_either(address: str | None) -> None:
    words = "no such user: ada@example.com; it went to bob@example.org too"
    said = Shown(Role.VIEWER).row(fact(address=address, message=words))["said"]
    assert "it went to b•" in said
    assert "ada@" not in said
    assert "bob@" not in said


def test_row_has_all_of_the_fact_as_text() -> None:
    told = dict(Shown(Role.OPERATOR).row(fact(tags=("a", "b"), took_ms=31))["all"])
    assert told["tags"] == "a, b"
    assert told["took_ms"] == "31"
    assert "provider_id" not in told
    assert all(isinstance(value, str) for value in told.values())


def test_tag_and_notification_have_to_hold_too() -> None:
    one = fact(tags=("orders",))
    right: dict[str, str] = {"tag": "orders", "notification": str(one.notification_id)}
    assert filters_of(right).takes(one)
    wrong: Filters = filters_of(right | {"tag": "other"})
    assert not wrong.takes(one)

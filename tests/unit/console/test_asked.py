"""What a search line means."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from common.recipients import parse_recipient
from console.pages.notifications.asked import Asked, Place, read_asked
from console.pages.notifications.commands import list_command

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID = "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
ADA, CHAT = parse_recipient("email:ada@example.com"), parse_recipient("telegram:42")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("", {}),
        (f" {ID} ", {"place": Place(UUID(ID))}),
        (f"{ID.upper()}-3", {"place": Place(UUID(ID), 3)}),
        ("ada@example.com", {"recipients": (ADA,)}),
        ("email:ada@example.com", {"recipients": (ADA,)}),
        ("to:telegram:42 status:Failed", {"recipients": (CHAT,), "status": "failed"}),
        ("to:42", {"recipients": (CHAT,)}),
        ("@news", {"recipients": (parse_recipient("telegram:@news"),)}),
        ("https://a.example/x", {"recipients": (parse_recipient("webhook:https://a.example/x"),)}),
        ("Order-shipped", {"words": ("order", "shipped")}),
        ('code:"550 5.1.1" tag:orders', {"code": "550 5.1.1", "tags": ("orders",)}),
        ("channel:vk from:2026-05-01", {"channel": "vk", "from_ms": 1_777_593_600_000}),
        ("until:2h", {"until_ms": 1_777_629_600_000}),
        ("strange:thing", {"words": ("strange", "thing")}),
        ("status:gone", {"unread": (("status", "gone"),)}),
        ("email:nobody", {"unread": (("to", "email:nobody"),)}),
        ("id:7", {"unread": (("id", "7"),)}),
        ("from:soon", {"unread": (("from", "soon"),)}),
        *(
            (f"from:{moment}", {"unread": (("from", moment),)})
            for moment in (
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-14:00",
                "10000-01-01",
                "99999999999999d",
            )
        ),
        ("...", {"unread": (("word", "..."),)}),
    ],
)
def test_line_is_understood(line: str, meant: dict[str, Any]) -> None:
    assert read_asked({"q": line}, NOW) == Asked(**meant)


def test_fields_of_the_address_hold_beside_the_line() -> None:
    query = {"q": "tag:orders", "status": "failed", "code": "550", "range": "day", "channel": ""}
    asked = read_asked(query, NOW)
    assert asked == Asked(status="failed", code="550", tags=("orders",), range_name="day")
    assert list_command(asked) == (
        "gateway list --status failed --code 550 --tag orders --since 1d"
    )
    assert asked.search(b"", 100_000_000).from_ms == 100_000_000 - 86_400_000


def test_line_without_an_end_asks_for_few_things() -> None:
    asked = read_asked({"q": "a b " * 1000}, NOW)
    assert len(asked.words) < 20
    assert asked.unread


def test_command_quotes_what_somebody_wrote() -> None:
    asked = Asked(code="'; rm -rf /", tags=("a b",), from_ms=1_777_593_600_000)
    assert list_command(asked) == (
        "gateway list --code ''\"'\"'; rm -rf /' --tag 'a b' --since 2026-05-01T00:00:00+00:00"
    )

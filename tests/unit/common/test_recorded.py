"""Messages of every version that ever travelled are read, and nothing in them is lost.

A file of `recorded/` is never changed; what a new version writes is recorded beside the others.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from common.channels import Channel
from common.envelope import Delivery, Event, EventType, Progress

RECORDED = sorted(Path(__file__).with_name("recorded").glob("*.json"))
MESSAGES = [(file.stem, one) for file in RECORDED for one in json.loads(file.read_text())]
MODELS: dict[str, type[Delivery | Event]] = {"Delivery": Delivery, "Event": Event}


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Where something of `before` is missing or different in `after`; more is no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            fault
            for name, value in before.items()
            for fault in lost(value, after.get(name, "missing"), f"{path}/{name}")
        ]
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


@pytest.mark.parametrize(
    "message", [one for _, one in MESSAGES], ids=[f"{v}-{one['kind']}" for v, one in MESSAGES]
)
def test_recorded_message_is_read_whole(message: dict[str, Any]) -> None:
    if message["kind"] == "Progress":
        read: Any = Progress.from_headers(message["headers"]).to_headers()
        assert lost(message["headers"], read) == []
        return
    body = json.dumps(message["body"], ensure_ascii=False).encode()
    assert lost(message["body"], json.loads(MODELS[message["kind"]].decode(body).encode())) == []


def test_every_kind_of_every_channel_is_recorded() -> None:
    bodies = [one["body"] for _, one in MESSAGES if one["kind"] == "Delivery"]
    for channel in Channel:
        assert any(one[channel] for one in bodies if one["channel"] == channel)
    assert any(one["copy_of"] for one in bodies)
    events = {one["body"]["type"] for _, one in MESSAGES if one["kind"] == "Event"}
    assert events == {one.value for one in EventType}

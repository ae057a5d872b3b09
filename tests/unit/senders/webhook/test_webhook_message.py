"""What a webhook says is what the documents show."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from common.envelope import Delivery
from gateway_api.documentation.examples import NOTIFICATIONS
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.validation import validate_notification
from senders.webhook.message import message_id, write_body

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "webhooks.md").read_text()


def delivery_of_the_example() -> Delivery:
    notification = validate_notification(json.dumps(NOTIFICATIONS["webhook"]).encode())
    accepted_at = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    [delivery] = build_deliveries(notification, UUID(documented()["id"]), accepted_at, 86_400)
    return delivery


def documented() -> Any:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_documented_body_is_what_the_documented_request_sends() -> None:
    delivery = delivery_of_the_example()
    assert json.loads(write_body(delivery)) == documented()
    assert message_id(delivery) == delivery.id


def test_body_is_the_same_bytes_after_the_broker() -> None:
    delivery = delivery_of_the_example()
    assert write_body(Delivery.decode(delivery.encode())) == write_body(delivery)


def test_every_field_of_the_body_is_documented() -> None:
    table = PAGE.split("| field | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"(?m)^\| (.*?) \|", table)))) == set(
        documented()
    )

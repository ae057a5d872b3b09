"""Notifications whose senders are called back, and the callbacks that a queue has."""

import json
from typing import Any

from common.envelope import Delivery, WireCallback
from common.times import epoch_ms as ms
from common.times import utc_now
from store.callbacks.endpoints import Endpoint, find_endpoint, load_endpoints, set_events
from store.database import Database
from tests.support.queues import take
from tests.support.stored import new_deliveries

URL = "https://shop.example.com/hooks"


def wishing(count: int = 1, url: str = URL, *events: str, **changes: Any) -> list[Delivery]:
    """The deliveries of one notification that asks for callbacks."""
    return new_deliveries(count, callback=WireCallback(url=url, events=list(events)), **changes)


def of_owner(database: Database, owner: str = "", url: str = URL, *events: str) -> Endpoint:
    """An endpoint that is told of all that its owner sends."""
    with database.writing() as connection:
        return set_events(connection, owner, url, events, ms(utc_now()))


def endpoints(database: Database) -> list[Endpoint]:
    """All that there are."""
    with database.reading() as connection:
        return load_endpoints(connection)


def endpoint(database: Database, name: str) -> Endpoint:
    """The one of this id."""
    with database.reading() as connection:
        found = find_endpoint(connection, name)
    assert found is not None
    return found


def taken(amqp_url: str, priority: str = "normal") -> list[Delivery]:
    """Take the callbacks out of the queue of a priority."""
    return [Delivery.decode(body) for _, body in take(amqp_url, f"webhook.{priority}")]


def said(delivery: Delivery) -> dict[str, Any]:
    """The body of a callback."""
    assert delivery.webhook is not None
    found: dict[str, Any] = json.loads(delivery.webhook.body or "")
    return found

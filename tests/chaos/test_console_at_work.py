"""The console's work on dead letters beside senders that work, and with very many letters."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from common.channels import Channel
from common.envelope import Status
from common.times import epoch_ms, utc_now
from deploy.local.node import Node
from store import tables
from store.database import Database
from tests.support.dead_letters import bury_all, bury_many, reason
from tests.support.polling import until
from tests.support.processes.consoles import Console, quick_console
from tests.support.processes.running import Gateway, running_gateway
from tests.support.queues import count, make_delivery

MANY = 100_000


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def requeue(console: httpx.Client, **order: Any) -> dict[str, Any]:
    answer = console.post("/v1/dead-letters/requeue", json=order)
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _without_faults(tried: dict[str, Any]) -> dict[str, Any] | None:
    return None if tried["wrong"] else tried


@pytest.mark.parametrize(
    "letters", [100, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_letters_requeued_in_one_action_arrive_once_while_senders_work(
    gateway: Gateway, letters: int
) -> None:
    code = f"550 5.1.1 {letters}"
    dead = [
        make_delivery(channel=Channel.EMAIL, address=f"m{letters}-{n}@example.com", subject="Hi")
        for n in range(letters)
    ]
    bury_all(gateway.amqp_url, [(one, reason(code)) for one in dead])
    mine = {"filter": {"channel": "email", "class": "rejected", "code": code}}
    # The broker counts who consumes every 5 s, and the senders may have just begun.
    tried = until(lambda: _without_faults(requeue(gateway.console, dry_run=True, **mine)))
    assert (tried["would_requeue"], tried["recipients"], tried["wrong"]) == (letters, letters, [])
    job = requeue(gateway.console, letters=letters, **mine)
    where = f"/v1/jobs/{job['id']}"

    def has_ended() -> dict[str, Any] | None:
        seen: dict[str, Any] = gateway.console.get(where).json()
        return seen if seen["state"] != "running" else None

    ended = until(has_ended, 600)
    assert (ended["state"], ended["done"], ended["total"]) == ("done", letters, letters)
    until(lambda: count(gateway.amqp_url, "email.normal") == 0, 300)
    wanted = {one.id for one in dead}

    def arrived() -> Counter[str]:
        entries = gateway.inbox(channel="email")
        return Counter(one["delivery_id"] for one in entries if one["delivery_id"] in wanted)

    until(lambda: arrived().keys() == wanted, 300)
    assert set(arrived().values()) == {1}


def test_edited_letter_arrives_with_the_rights_that_the_console_has(gateway: Gateway) -> None:
    letter = make_delivery(channel=Channel.EMAIL, address="typo@exmaple.com", subject="Hi")
    bury_all(gateway.amqp_url, [(letter, reason("550 5.1.2"))])
    draft = gateway.console.get(f"/v1/dead-letters/{letter.id}/draft").json()
    draft["to"] = "email:edited@example.com"
    answer = gateway.console.post(f"/v1/dead-letters/{letter.id}/replace", json=draft)
    assert answer.status_code == 202, answer.text
    until(lambda: gateway.inbox(recipient="edited@example.com"))
    new = f"/v1/notifications/{answer.json()['id']}"
    until(lambda: gateway.api.get(new).json().get("status") == "sent")


def fail_many(database: Database, number: int) -> None:
    """What the journal would know of so many dead letters."""
    empty = {one.name: None for one in tables.deliveries.c}
    now_ms = epoch_ms(utc_now())
    for start in range(0, number, 10_000):
        rows = []
        for place in range(start, start + 10_000):
            one = make_delivery()
            known = {
                "notification_id": one.notification_id,
                "number": 1,
                "accepted_at_ms": now_ms - place,
                "at_ms": now_ms - 3000 * (place % 100_000),
                "is_accepted": True,
                "channel": "telegram",
                "priority": "normal",
                "address": f"4{place}",
                "status": Status.FAILED,
                "generation": 0,
                "rank": 3,
                "attempt": 1,
                "fact_id": one.notification_id,
                "was_tried": True,
                "failed_generation": 0,
                "code": ("403", "429")[place % 2],
                "fail_class": "rejected",
                "seq": place,
            }
            rows.append(empty | known)
        with database.writing() as connection:
            connection.execute(insert(tables.deliveries), rows)


def groups_of(console: Console) -> dict[str, Any]:
    groups: dict[str, Any] = console.client.get("/v1/dead-letters/groups").json()
    return groups


@pytest.mark.long
@pytest.mark.timeout(900)
def test_groups_of_100000_letters_are_told_soon_and_keep_nothing(
    gateway_url: str, database: Database, store_url: str
) -> None:
    bury_many(gateway_url, MANY, ("403", "429"))
    fail_many(database, MANY)
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        before_kb = console.memory_kb
        began = time.monotonic()
        first = groups_of(console)
        took_s = time.monotonic() - began
        assert (first["source"], first["counting"], first["total"]) == ("store", True, MANY)

        def counted() -> dict[str, Any] | None:
            seen = groups_of(console)
            assert console.memory_kb - before_kb < 60_000
            return seen if seen["source"] == "queue" else None

        told = until(counted, 300)
        assert sorted(one["count"] for one in told["groups"]) == [MANY // 2, MANY // 2]
        print(f"first answer after {took_s:.2f} s, memory {console.memory_kb - before_kb} KB more")
        assert took_s < 1.5

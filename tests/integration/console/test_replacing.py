"""Edit and send over HTTP: a letter becomes a new notification, or stays where it is."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.channels import Channel
from common.envelope import Delivery
from gateway_api.notifications.validation import validate_notification
from store.access.audit import read_entries
from store.database import Database
from tests.support.clients.console_client import PATH, assert_problem, console
from tests.support.dead_letters import bury, bury_all, ids_in, reason
from tests.support.polling import until
from tests.support.queues import EventLog, amqp_channel, count, make_delivery, take

LETTER = make_delivery(
    channel=Channel.EMAIL,
    address="ada@exmaple.com",
    subject="Order shipped",
    text="on its way",
    owner="k_shop",
    tags=["orders"],
)
KILLED_BETWEEN = """
import os, signal, sys
from broker_topology.dead_letters import requeue
from common.envelope import Delivery
requeue.Teller.tell = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
make = lambda _: Delivery.decode(sys.argv[3].encode())
requeue.replace(sys.argv[1], sys.argv[2], make)
"""


@pytest.fixture
async def client(gateway_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bury(gateway_url, LETTER, reason("550 5.1.1"))
    async with console(gateway_url, state_dir=tmp_path) as client:
        yield client


async def drafted(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(f"{PATH}/{LETTER.id}/draft")
    assert answer.status_code == 200, answer.text
    draft: dict[str, Any] = answer.json()
    return draft


async def test_letter_is_edited_and_sent_and_the_new_one_names_it(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    events = EventLog(gateway_url)
    draft = await drafted(client)
    assert draft["to"] == "email:ada@exmaple.com"
    draft |= {"to": "email:ada@example.com", "text": "on its way, at last"}
    answer = await client.post(f"{PATH}/{LETTER.id}/replace", json=draft)
    assert answer.status_code == 202, answer.text
    [(_, body)] = take(gateway_url, "email.normal")
    new = Delivery.decode(body)
    assert answer.json() == {"id": str(new.notification_id), "replaces": LETTER.id}
    assert (new.address, new.text, new.subject) == (
        "ada@example.com",
        "on its way, at last",
        "Order shipped",
    )
    assert new.origin is not None
    assert (new.origin.kind, new.origin.id) == ("dead_letter", LETTER.id)
    assert (new.owner, new.tags, new.of) == ("k_shop", ["orders"], 1)
    assert count(gateway_url, "email.dead") == 0
    [told] = events.read()
    assert (told.type, told.delivery_id, told.code) == ("discarded", LETTER.id, "replaced")
    assert str(new.notification_id) in (told.message or "")
    again = await client.post(f"{PATH}/{LETTER.id}/replace", json=draft)
    assert_problem(again, "dead_letter_not_found")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"to": "email:nobody"}, "/to"),
        ({"to": ["email:a@example.com", "email:b@example.com"]}, "/to"),
        ({"email": {"cc": ["bob@example.com"]}}, "/email"),
        ({"colour": "red"}, "/colour"),
        ({"subject": None}, "/subject"),
    ],
)
async def test_what_the_api_would_refuse_is_refused_and_the_letter_stays(
    client: httpx.AsyncClient, gateway_url: str, change: dict[str, Any], path: str
) -> None:
    answer = await client.post(f"{PATH}/{LETTER.id}/replace", json=await drafted(client) | change)
    document = assert_problem(answer, "invalid_request")
    assert path in [fault["path"] for fault in document["errors"]]
    assert (count(gateway_url, "email.dead"), count(gateway_url, "email.normal")) == (1, 0)


async def test_without_a_queue_for_the_new_one_the_letter_stays(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete("email.normal")
    answer = await client.post(f"{PATH}/{LETTER.id}/replace", json=await drafted(client))
    assert_problem(answer, "dead_letters_refused")
    assert ids_in(gateway_url, "email.dead") == [LETTER.id]


def test_killed_between_the_two_both_exist(gateway_url: str) -> None:
    bury(gateway_url, LETTER, reason())
    new = make_delivery(channel=Channel.EMAIL, address="ada@example.com")
    words = [gateway_url, LETTER.id, new.encode().decode()]
    done = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, *words], timeout=60, check=False)
    assert done.returncode == -9
    until(lambda: count(gateway_url, "email.dead") == 1)
    assert ids_in(gateway_url, "email.normal") == [new.id]
    assert ids_in(gateway_url, "email.dead") == [LETTER.id]


async def test_draft_of_every_channel_is_a_request_that_the_api_takes(
    gateway_url: str, tmp_path: Path
) -> None:
    letters = [
        LETTER,
        make_delivery(address="42", text="hi", telegram={"parse_mode": "HTML"}),
        make_delivery(channel=Channel.VK, address="7", text="hi", vk={"dont_parse_links": True}),
        make_delivery(channel=Channel.WEBHOOK, address="https://a.example/", webhook={"data": {}}),
    ]
    bury_all(gateway_url, [(one, reason()) for one in letters])
    async with console(gateway_url, state_dir=tmp_path) as client:
        for one in letters:
            draft = await client.get(f"{PATH}/{one.id}/draft")
            valid = validate_notification(draft.content)
            assert [str(to) for to in valid.recipients] == [f"{one.channel}:{one.address}"]


async def test_replacing_is_audited(gateway_url: str, database: Database, store_url: str) -> None:
    bury(gateway_url, LETTER, reason())
    async with console(gateway_url, store_url=store_url) as client:
        answer = await client.post(f"{PATH}/{LETTER.id}/replace", json=await drafted(client))
    with database.reading() as connection:
        [entry] = read_entries(connection)
    assert (entry.action, entry.details) == (
        "replaced",
        {"number": 1, "letter": LETTER.id, "by": answer.json()["id"]},
    )

"""`gateway erase`: one person's data goes, out of store and queues; everybody else's stays."""

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from broker_topology.topology import EVENTS
from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.channels import Channel
from common.envelope import Delivery, EventType
from common.facts import HEARTBEAT_KEY
from common.times import utc_now
from common.watching.heartbeat import Heart
from deploy.local.node import Node
from store import tables
from store.database import Database
from tests.support.calling_back import URL, said, taken, wishing
from tests.support.dead_letters import bury, ids_in, reason
from tests.support.happenings import event
from tests.support.polling import until
from tests.support.processes.telling import Telling, telling
from tests.support.processes.terminal import at_terminal
from tests.support.queues import amqp_channel, count, put, take
from tests.support.stored import new_deliveries


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    with telling(broker, tmp_path_factory.mktemp("erase"), "erase") as running:
        yield running


@pytest.fixture
def person() -> str:
    """The address of somebody whom no other test knows."""
    return f"a{uuid4().hex}@example.com"


@pytest.fixture
def busy(gateway: Telling) -> Iterator[None]:
    """Something is told all the time: else a journal is known to be up to date each 10 s."""
    stopping, url = threading.Event(), gateway.amqp_url
    heart = Heart(Publisher(Broker(url, name="none")), EVENTS, "busy")

    def tell() -> None:
        with amqp_channel(url) as channel:
            while not stopping.wait(0.2):
                channel.basic_publish("events", HEARTBEAT_KEY, heart.at(utc_now()).encode())

    thread = threading.Thread(target=tell)
    thread.start()
    yield
    stopping.set()
    thread.join()


def accept(gateway: Telling, address: str, **changes: Any) -> Delivery:
    """A delivery in its queue, which the journal has stored."""
    [one] = new_deliveries(channel=Channel.EMAIL, address=address, text="secret plan", **changes)
    put(gateway.amqp_url, one)
    until(lambda: one.text and address in everything(gateway.database))
    return one


def fail(gateway: Telling, one: Delivery, **headers: Any) -> None:
    """It becomes a dead letter, and the store knows."""
    said = {"gw-fail-message": f"no {one.address} here"}
    bury(gateway.amqp_url, one, reason() | said | headers)
    until(lambda: f"no {one.address} here" in everything(gateway.database))


def tell_sent(gateway: Telling, one: Delivery) -> None:
    """As a sender does."""
    sent = event(one, EventType.SENT, at=utc_now())
    with amqp_channel(gateway.amqp_url) as channel:
        channel.basic_publish("events", sent.routing_key, sent.encode())


def everything(database: Database) -> str:
    """All rows of all tables, as text."""
    with database.reading() as connection:
        return "\n".join(
            str(row)
            for table in tables.metadata.sorted_tables
            for row in connection.execute(select(table))
        )


def dead(gateway: Telling) -> int:
    return count(gateway.amqp_url, "email.dead")


def test_all_of_one_person_goes_and_the_rest_stays(gateway: Telling, person: str) -> None:
    other = f"other-{person}"
    for address in (person, other):
        fail(gateway, accept(gateway, address, subject=f"For {address}"))
    done = gateway.run("erase", "--recipient", f"email:{person.upper()}", "--yes", "--json")
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["deliveries"], told["contents"], told["dead_letters"]) == (1, 1, 1)
    assert told["underway"] == 0
    assert other in everything(gateway.database)
    assert person not in everything(gateway.database).replace(other, "")
    [kept] = ids_in(gateway.amqp_url, "email.dead")
    assert gateway.run("status", kept, "--whole").stdout.count(other) > 0


@pytest.mark.usefixtures("busy")
def test_erased_letter_is_told_as_discarded(gateway: Telling, person: str) -> None:
    one = accept(gateway, person)
    fail(gateway, one)
    assert gateway.run("erase", "--recipient", f"email:{person}", "--yes").code == 0
    shown = until(partial(_discarded, gateway, one))
    assert "recipient erased" in shown


def _discarded(gateway: Telling, one: Delivery) -> str:
    shown = gateway.run("status", one.id).stdout
    return shown if "discarded" in shown else ""


@pytest.mark.usefixtures("busy")
def test_letter_that_was_redirected_is_both_recipients(gateway: Telling, person: str) -> None:
    for to_erase in (person, f"new-{person}"):
        one = accept(gateway, person)
        fail(gateway, one, **{"gw-address": f"new-{person}", "gw-generation": 1})
        told = gateway.run("erase", "--recipient", f"email:{to_erase}", "--yes", "--json").stdout
        assert json.loads(told)["dead_letters"] == 1
    assert dead(gateway) == 0


@pytest.mark.usefixtures("busy")
def test_callback_that_tells_of_them_goes_too(gateway: Telling, person: str) -> None:
    other = f"other-{person}"
    for address in (person, other):
        [one] = wishing(1, URL, "delivery.sent", address=address)
        put(gateway.amqp_url, one)
        tell_sent(gateway, one)
    until(lambda: count(gateway.amqp_url, "webhook.normal") == 2)
    for made in taken(gateway.amqp_url):
        bury(gateway.amqp_url, made)
    words = ("erase", "--recipient", f"email:{person}", "--json")
    asked = json.loads(gateway.run(*words, "--dry-run").stdout)
    assert asked["queues"] == {"webhook.dead": 1}
    assert json.loads(gateway.run(*words, "--yes").stdout)["dead_letters"] == 1
    [(_, left)] = take(gateway.amqp_url, "webhook.dead")
    assert said(Delivery.decode(left))["data"]["delivery"]["to"] == f"email:{other}"


def test_star_in_an_address_is_an_ordinary_letter(gateway: Telling, person: str) -> None:
    one = accept(gateway, person)
    fail(gateway, one)
    told = gateway.run("erase", "--recipient", "email:a*@example.com", "--dry-run", "--json")
    assert json.loads(told.stdout) == {"would_erase": 0, "underway": 0, "queues": {}}
    assert ids_in(gateway.amqp_url, "email.dead") == [one.id]


@pytest.mark.usefixtures("busy")
def test_what_is_still_to_be_sent_keeps_what_it_needs(gateway: Telling, person: str) -> None:
    one = accept(gateway, person)
    done = gateway.run("erase", "--recipient", f"email:{person}", "--yes")
    assert "1 delivery not ended yet, not erased" in done.stdout
    assert person in everything(gateway.database)
    tell_sent(gateway, one)
    done = gateway.run("erase", "--recipient", f"email:{person}", "--yes")
    assert "what 1 delivery had" in done.stdout
    assert person not in everything(gateway.database)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1)])
def test_it_asks_before_it_erases(
    gateway: Telling, person: str, tmp_path: Path, answer: str, code: int
) -> None:
    fail(gateway, accept(gateway, person))
    words = ["erase", "--recipient", f"email:{person}"]
    with at_terminal(gateway.command(*words), gateway.environment, tmp_path, 200) as terminal:
        until(lambda: "[y/N]" in terminal.text or terminal.process.poll() is not None)
        assert "what 1 delivery of the store and 1 dead letter (1 of email.dead)" in terminal.text
        os.write(terminal.input, answer.encode())
        assert terminal.process.wait(60) == code
    assert (person in everything(gateway.database)) is (code == 1)
    ids_in(gateway.amqp_url, "email.dead")


def test_without_a_terminal_or_a_recipient_nothing_is_done(gateway: Telling, person: str) -> None:
    fail(gateway, accept(gateway, person))
    asked = gateway.run("erase", "--recipient", f"email:{person}")
    assert (asked.code, asked.stdout) == (2, "")
    assert "--yes does it without asking" in asked.stderr
    wrong = gateway.run("erase", "--recipient", person, "--yes")
    assert wrong.code == 2
    assert "is not channel:address" in wrong.stderr
    dry = gateway.run("erase", "--recipient", f"email:{person}", "--dry-run")
    assert "1 delivery of the store and 1 dead letter (1 of email.dead) would be" in dry.stdout
    assert person in everything(gateway.database)
    assert len(ids_in(gateway.amqp_url, "email.dead")) == 1

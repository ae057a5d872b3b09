"""`gateway callbacks`: endpoints set, tried, ended and begun again, secrets, and replays."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from admin.cli import app
from broker_topology.dead_letters.queue import DeadLetterError
from broker_topology.dead_letters.requeue import Publisher
from common.envelope import EventType, Progress
from common.errors import GatewayError
from common.facts import make_event
from common.times import utc_now
from common.webhooks.events import DEFAULT
from common.webhooks.signing import derive_key, write_secret
from store.access.keys import find_key
from store.callbacks.endpoints import State
from store.database import Database
from tests.support.calling_back import URL, endpoint, endpoints, of_owner, said, taken, wishing
from tests.support.clients.keys import made_key
from tests.support.happenings import accepted, event
from tests.support.polling import until
from tests.support.queues import amqp_channel, count
from tests.support.stored import accepted_and_sent, store

ROOT = "r" * 32


@pytest.fixture(autouse=True)
def _settings(
    store_url: str, gateway_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Store and broker of each test are those of its settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", store_url)
    monkeypatch.setenv("GATEWAY_AMQP_URL", gateway_url)
    monkeypatch.setenv("GATEWAY_CALLBACK_ROOT_SECRET", ROOT)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def run(*words: str) -> str:
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def as_json(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def refused(*words: str) -> str:
    error = invoke(*words).exception
    assert isinstance(error, GatewayError)
    return str(error)


def audited() -> list[tuple[str, str]]:
    return [(one["action"], one["subject"]) for one in as_json("audit")]


def test_key_is_made_with_an_endpoint_and_the_secret_of_its_callbacks(database: Database) -> None:
    made = as_json("keys", "create", "--name", "shop", "--callback-url", URL)
    assert made["callback_secret"] == write_secret(derive_key(ROOT, made["id"]))
    [one] = as_json("callbacks", "list")
    assert (one["key"], one["url"], one["state"]) == (made["id"], URL, "active")
    assert one["events"] == list(DEFAULT)
    lines = run("keys", "create", "--name", "b", "--callback-url", URL).splitlines()
    assert [line.partition("_")[0] for line in lines] == ["gwk", "whsec"]
    assert len(endpoints(database)) == 2


def test_what_is_wrong_with_an_endpoint_is_said(database: Database) -> None:
    key = ("keys", "create", "--name", "a")
    assert "--callback-url" in refused(*key, "--callback-url", "https://a b/")
    assert "--callback-url" in refused(*key, "--callback-events", "*")
    assert "--events" in refused("callbacks", "set", URL, "--events", "sent")
    assert "gateway keys list" in refused("callbacks", "set", URL, "--key", "k_none")
    assert "gateway callbacks list" in refused("callbacks", "enable", "e_none")
    assert endpoints(database) == []


def test_endpoint_is_set_changed_disabled_and_enabled_and_the_audit_log_has_it(
    database: Database,
) -> None:
    made = as_json("callbacks", "set", URL, "--events", "delivery.failed")
    assert made["events"] == ["delivery.failed"]
    assert as_json("callbacks", "set", URL, "--events", "*")["events"] == ["*"]
    assert as_json("callbacks", "disable", made["id"])["state"] == "disabled"
    assert "callbacks enable" in refused("callbacks", "replay", made["id"], "--since", "1h")
    store(database, *accepted_and_sent()[1])
    assert as_json("callbacks", "enable", made["id"])["state"] == "active"
    found = endpoint(database, made["id"])
    assert (found.state, found.from_seq) == (State.ACTIVE, 2)
    subject = f"endpoint {made['id']}"
    acts = ["enabled", "disabled", "changed", "changed"]
    assert audited() == [(act, subject) for act in acts]
    assert "hooks" not in run("audit")


def test_secret_is_replaced_without_a_gap(database: Database) -> None:
    key = made_key(database)
    first, second = (write_secret(derive_key(ROOT, key.id, version)) for version in (1, 2))
    assert as_json("callbacks", "secret", key.id) == {"secrets": [first]}
    assert as_json("callbacks", "rotate", key.id, "--keep", "1h")["secrets"] == [second]
    assert run("callbacks", "secret", key.id).split() == [second, first]
    with database.reading() as connection:
        row = find_key(connection, key.id)
    assert row is not None
    assert row.secret_version == 2
    assert audited() == [("rotated", f"key {key.id}")]


def test_replay_makes_the_same_again_since_a_time(database: Database, gateway_url: str) -> None:
    [one] = wishing()
    store(database, accepted(one), event(one, EventType.SENT))
    store(database, *accepted_and_sent()[1])
    [known] = endpoints(database)
    replay = ("callbacks", "replay", known.id, "--since")
    assert as_json(*replay, "1h", "--dry-run") == {"would_make": 2}
    assert count(gateway_url, "webhook.normal") == 0
    assert as_json(*replay, "1h") == {"made": 2}
    first = taken(gateway_url)
    assert as_json(*replay, "1h") == {"made": 2}
    assert [each.id for each in taken(gateway_url)] == [each.id for each in first]
    assert [said(each)["type"] for each in first] == ["delivery.sent", "notification.completed"]
    assert audited() == [("replayed", f"endpoint {known.id}")] * 2


def test_replay_that_breaks_off_is_in_the_audit_log_with_what_it_made(
    database: Database, gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its broker takes one message and no more."""
    store(database, *accepted_and_sent()[1])
    known = of_owner(database)
    publish = Publisher.publish

    def publish_once(self: Publisher, *what: Any) -> None:
        if count(gateway_url, "webhook.normal"):
            raise DeadLetterError("the broker refuses it")
        publish(self, *what)

    monkeypatch.setattr(Publisher, "publish", publish_once)
    assert "refuses" in refused("callbacks", "replay", known.id, "--since", "1h")
    [entry] = as_json("audit")
    assert (entry["action"], entry["subject"]) == ("replayed", f"endpoint {known.id}")
    assert entry["details"]["number"] == 1


def test_replay_to_a_new_endpoint_of_a_key_tells_what_was_before(
    database: Database, gateway_url: str
) -> None:
    store(database, *accepted_and_sent()[1])
    made = of_owner(database)
    assert as_json("callbacks", "replay", made.id, "--since", "1h") == {"made": 2}
    assert len(taken(gateway_url)) == 2


@contextmanager
def answering(url: str, kind: EventType, **said: Any) -> Iterator[None]:
    """In the place of a sender: the first test that is sent comes to this."""

    def answer() -> None:
        [made] = until(lambda: taken(url, "high"))
        fact = make_event(kind, made, Progress(attempt=1), at=utc_now(), **said)
        with amqp_channel(url) as channel:
            channel.basic_publish("events", fact.routing_key, fact.encode())

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    thread.join()


def test_test_tells_what_the_endpoint_answered(database: Database, gateway_url: str) -> None:
    made = of_owner(database)
    with answering(gateway_url, EventType.SENT, code="204"):
        assert as_json("callbacks", "test", made.id)["status"] == "sent"
    with answering(gateway_url, EventType.RETRYING, code="500", message="oh"):
        done = invoke("callbacks", "test", made.id)
    assert isinstance(done.exception, GatewayError)
    assert "did not take it: 500 oh" in str(done.exception)
    assert "gateway sender webhook" in refused("callbacks", "test", made.id, "--timeout", "1")

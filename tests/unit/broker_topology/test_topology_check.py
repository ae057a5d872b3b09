"""The comparison with what a broker has, the export, and URLs as they are read and shown."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from broker_topology.connect import TopologyError, mask_url, vhost_of
from broker_topology.difference import Diff, Difference, compare, parse_conflict
from broker_topology.export import Administrator, definitions
from broker_topology.management import default_management_url
from broker_topology.topology import Binding, Exchange, Queue, Topology, build


def changed_queue(name: str, **arguments: Any) -> Topology:
    topology = build()
    queues = [
        replace(one, arguments={**one.arguments, **arguments}) if one.name == name else one
        for one in topology.queues
    ]
    return replace(topology, queues=tuple(queues))


def test_equal_topologies_do_not_differ() -> None:
    assert compare(build(), build()) == ()


def test_purposes_are_not_compared() -> None:
    silent = tuple(replace(one, purpose="") for one in build().queues)
    assert compare(build(), replace(build(), queues=silent)) == ()


EXTRA = replace(
    build(),
    exchanges=(*build().exchanges, Exchange("shop", "direct")),
    queues=(*build().queues, Queue("orders", {})),
    bindings=(*build().bindings, Binding("events", "orders", "#")),
)


@pytest.mark.parametrize(
    ("wanted", "found", "differences"),
    [
        (
            build(),
            EXTRA,
            [
                Difference("extra", "exchange", "shop"),
                Difference("extra", "queue", "orders"),
                Difference("extra", "binding", "events --#--> orders"),
            ],
        ),
        (
            EXTRA,
            build(),
            [
                Difference("missing", "exchange", "shop"),
                Difference("missing", "queue", "orders"),
                Difference("missing", "binding", "events --#--> orders"),
            ],
        ),
        (
            build(),
            changed_queue("vk.dead", **{"x-delivery-limit": 20, "x-max-length": 5}),
            [
                Difference("changed", "queue", "vk.dead", "x-delivery-limit", 1_000_000, 20),
                Difference("changed", "queue", "vk.dead", "x-max-length", None, 5),
            ],
        ),
        (
            Topology((Exchange("due", "topic", "unrouted"),), (), ()),
            Topology((Exchange("due", "fanout", None, durable=False),), (), ()),
            [
                Difference("changed", "exchange", "due", "alternate-exchange", "unrouted", None),
                Difference("changed", "exchange", "due", "durable", "true", "false"),
                Difference("changed", "exchange", "due", "type", "topic", "fanout"),
            ],
        ),
    ],
)
def test_differences(wanted: Topology, found: Topology, differences: list[Difference]) -> None:
    assert list(compare(wanted, found)) == differences


def test_diff_as_json_carries_remedies() -> None:
    diff = Diff((Difference("missing", "queue", "vk.dead"),), bindings_checked=False, notes=("n",))
    assert diff.to_json() == {
        "same": False,
        "bindings_checked": False,
        "notes": ["n"],
        "differences": [
            {
                "kind": "missing",
                "thing": "queue",
                "name": "vk.dead",
                "argument": None,
                "wanted": None,
                "found": None,
                "remedy": "run `gateway topology apply`",
            }
        ],
        "gaps": [],
    }


@pytest.mark.parametrize(
    ("text", "argument", "wanted", "found"),
    [
        ("'x-delivery-limit' …: received '20' but current is '5'", "x-delivery-limit", 20, 5),
        (
            "'x-overflow' …: received 'reject-publish' but current is 'drop-head'",
            "x-overflow",
            "reject-publish",
            "drop-head",
        ),
        (
            "'x-max-length' …: received none but current is the value '5' of type 'long'",
            "x-max-length",
            None,
            5,
        ),
        (
            "'x-message-ttl' …: received the value '1000' of type 'signedint' but current is none",
            "x-message-ttl",
            1000,
            None,
        ),
    ],
)
def test_conflict_is_read_from_the_brokers_reply(
    text: str, argument: str, wanted: str | int | None, found: str | int | None
) -> None:
    reply = "PRECONDITION_FAILED - inequivalent arg " + text.replace(
        "…", "for queue 'q' in vhost '/'"
    )
    expected = Difference("changed", "queue", "q", argument, wanted, found)
    assert parse_conflict("queue", "q", reply) == expected


def test_other_replies_are_no_conflict() -> None:
    reply = "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': -1"
    assert parse_conflict("queue", "q", reply) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://ada:secret@mq:5672/gw?heartbeat=5", "amqp://ada:***@mq:5672/gw"),
        ("amqp://ada:se/cr@et@mq/", "amqp://ada:***@mq/"),
        ("amqp://mq", "amqp://mq"),
        ("amqp://ada@mq/", "amqp://ada@mq/"),
    ],
)
def test_shown_url_has_no_password(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "url", ["http://mq", "amqp://ada@mq/", "amqp://mq:port/", "amqp://mq/?x=1"]
)
def test_unusable_url_is_refused_with_its_form(url: str) -> None:
    with pytest.raises(TopologyError, match="amqp://user:password@host:5672/vhost"):
        vhost_of(url)


@pytest.mark.parametrize(
    ("url", "vhost"),
    [("amqp://mq", "/"), ("amqp://mq/", "/"), ("amqp://mq/%2F", "/"), ("amqp://mq/a%20b", "a b")],
)
def test_vhost_of_a_url(url: str, vhost: str) -> None:
    assert vhost_of(url) == vhost


@pytest.mark.parametrize(
    ("url", "management_url"),
    [
        ("amqp://ada:pw@mq:5673/gw", "http://ada:pw@mq:15672"),
        ("amqps://ada:pw@mq/", "https://ada:pw@mq:15671"),
        ("amqp://ada:pw@[::1]:5672/", "http://ada:pw@[::1]:15672"),
    ],
)
def test_default_management_url(url: str, management_url: str) -> None:
    assert default_management_url(url) == management_url


def test_export_holds_the_whole_topology_and_no_user() -> None:
    exported: dict[str, Any] = definitions("gw")
    assert exported["vhosts"] == [{"name": "gw"}]
    assert "users" not in exported
    for section in ("exchanges", "queues", "bindings"):
        assert len(exported[section]) == len(getattr(build(), section))
        assert {one["vhost"] for one in exported[section]} == {"gw"}


def test_exported_user_has_a_salted_hash_and_no_password() -> None:
    exported: dict[str, Any] = definitions("gw", Administrator("ada", "secret"))
    user = exported["users"][0]
    stored = base64.b64decode(user["password_hash"])
    assert "secret" not in str(exported)
    assert stored[4:] == hashlib.sha256(stored[:4] + b"secret").digest()
    assert exported["permissions"][0]["vhost"] == "gw"

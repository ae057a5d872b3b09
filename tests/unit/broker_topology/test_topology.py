"""The topology as data, and the choice of a tier."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_topology.topology import (
    CALLBACKS,
    DEAD,
    DUE,
    EVENTS,
    NOTIFICATIONS,
    RETRY,
    TIERS,
    Topology,
    build,
    choose_tier,
    dead_queue,
    delivery_key,
    event_key,
    queue_name,
    requeue_key,
    retry_key,
    retry_queue,
)
from common.channels import CHANNELS, PRIORITIES, Channel, Priority

KINDS = [(channel, priority) for channel in CHANNELS for priority in PRIORITIES]


def queues_reached(exchange: str, key: str, topology: Topology | None = None) -> list[str]:
    """Where a topic exchange routes a key: `*` is one word, `#` any number of them."""
    reached = set()
    for binding in (topology or build()).bindings:
        pattern = re.escape(binding.key).replace(r"\*", r"[^.]+").replace(r"\.\#", r"(\..*)?")
        pattern = pattern.replace(r"\#", ".*")
        if binding.exchange == exchange and re.fullmatch(pattern, key):
            reached.add(binding.queue)
    return sorted(reached)


def arguments_of(name: str) -> dict[str, Any]:
    return dict(next(queue.arguments for queue in build().queues if queue.name == name))


def test_channels_and_priorities_are_those_of_the_envelope() -> None:
    assert set(CHANNELS) >= {channel.value for channel in Channel}
    assert tuple(priority.value for priority in Priority) == PRIORITIES


def test_names_and_keys() -> None:
    assert queue_name("email", "normal") == "email.normal"
    assert dead_queue("email") == "email.dead"
    assert retry_queue(choose_tier(30)) == "retry.30s"
    assert delivery_key("email", "normal") == "email.normal"
    assert retry_key(choose_tier(30), "email", "normal") == "30s.email.normal"
    assert retry_key("30s", Channel.EMAIL, Priority.NORMAL) == "30s.email.normal"
    assert requeue_key("email", "normal") == "requeue.email.normal"
    assert event_key("email", "sent") == "email.sent"


def test_exchanges() -> None:
    assert {(one.name, one.type, one.alternate) for one in build().exchanges} == {
        ("notifications", "topic", None),
        ("callbacks", "topic", None),
        ("retry", "topic", None),
        ("due", "topic", "unrouted"),
        ("dead", "topic", "unrouted"),
        ("events", "topic", None),
        ("live", "fanout", None),
        ("aside", "fanout", None),
        ("unrouted", "fanout", None),
    }
    assert all(one.durable and not one.auto_delete for one in build().exchanges)


def test_queues() -> None:
    assert {one.name for one in build().queues} == {
        *(f"{channel}.{priority}" for channel, priority in KINDS),
        *(f"retry.{tier}" for tier in TIERS),
        *(f"{channel}.dead" for channel in CHANNELS),
        "journal",
        "journal.dead",
        "unrouted",
        "cancels",
    }


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "telegram.bulk",
            {
                "x-queue-type": "quorum",
                "x-delivery-limit": 20,
                "x-overflow": "reject-publish",
                "x-dead-letter-strategy": "at-least-once",
                "x-dead-letter-exchange": "dead",
                "x-dead-letter-routing-key": "telegram.bulk",
            },
        ),
        (
            "retry.5m",
            {
                "x-queue-type": "quorum",
                "x-message-ttl": 300_000,
                "x-delivery-limit": 1_000_000,
                "x-overflow": "reject-publish",
                "x-dead-letter-strategy": "at-least-once",
                "x-dead-letter-exchange": "due",
            },
        ),
        ("vk.dead", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}),
        ("journal", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}),
        ("journal.dead", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}),
        ("unrouted", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}),
        (
            "cancels",
            {
                "x-queue-type": "stream",
                "x-max-age": "31D",
                "x-max-length-bytes": 536_870_912,
                "x-stream-max-segment-size-bytes": 8_388_608,
            },
        ),
    ],
)
def test_queue_arguments(name: str, arguments: dict[str, Any]) -> None:
    assert arguments_of(name) == arguments


def test_every_dead_letter_exchange_and_alternate_exists() -> None:
    names = {one.name for one in build().exchanges}
    targets = {one.arguments.get("x-dead-letter-exchange") for one in build().queues}
    assert targets | {one.alternate for one in build().exchanges} <= names | {None}


@pytest.mark.parametrize(("channel", "priority"), KINDS)
def test_each_key_reaches_one_queue_and_what_tells_a_fact_the_journal_too(
    channel: str, priority: str
) -> None:
    own = [queue_name(channel, priority)]
    accepted = queues_reached(NOTIFICATIONS, delivery_key(channel, priority))
    assert accepted == sorted([*own, "journal"])
    assert queues_reached(EVENTS, f"{channel}.sent") == ["journal"]
    assert queues_reached(DUE, requeue_key(channel, priority)) == own
    assert queues_reached(DEAD, delivery_key(channel, priority)) == sorted(
        [dead_queue(channel), "journal"]
    )
    for tier in TIERS:
        key = retry_key(tier, channel, priority)
        assert queues_reached(RETRY, key) == [retry_queue(tier)]
        assert queues_reached(DUE, key) == own


def test_channel_joins_by_its_name_alone() -> None:
    wider = build((*CHANNELS, "fax"))
    assert set(build().bindings) < set(wider.bindings)
    assert queues_reached(NOTIFICATIONS, "fax.high", wider) == ["fax.high", "journal"]
    assert queues_reached(DUE, "1h.fax.high", wider) == ["fax.high"]
    assert queues_reached(DEAD, "fax.high", wider) == ["fax.dead", "journal"]


def test_tiers() -> None:
    assert list(TIERS) == ["1s", "2s", "5s", "10s", "30s", "1m", "5m", "15m", "1h", "6h"]
    assert list(TIERS.values()) == [1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600]


def test_everything_says_what_it_is_for() -> None:
    assert all(one.purpose for one in build().exchanges)
    assert all(one.purpose for one in build().queues)


@pytest.mark.parametrize(
    ("remaining_s", "tier"),
    [
        (-5, "1s"),
        (0, "1s"),
        (0.2, "1s"),
        (1, "1s"),
        (1.001, "2s"),
        (2, "2s"),
        (2.5, "2s"),  # 5 s overshoots by 2.5 s
        (3.9, "2s"),
        (4, "5s"),  # overshoots by exactly 1 s
        (7, "5s"),
        (9, "10s"),
        (27, "10s"),
        (27.3, "30s"),  # overshoots by 2.7 s, 10 % would be 2.73 s
        (37, "30s"),
        (54.6, "1m"),
        (100, "1m"),
        (3000, "15m"),
        (3600, "1h"),
        (19_700, "6h"),
        (21_600, "6h"),
        (100_000, "6h"),
    ],
)
def test_tier_for_a_remaining_delay(remaining_s: float, tier: str) -> None:
    chosen = choose_tier(remaining_s)
    assert (chosen.name, chosen.delay_s) == (tier, TIERS[tier])


@given(st.floats(min_value=1, max_value=21_600))
def test_hops_reach_any_delay_never_early_and_within_tolerance(delay_s: float) -> None:
    waited_s = 0
    while waited_s < delay_s:
        waited_s += choose_tier(delay_s - waited_s).delay_s
    assert delay_s <= waited_s <= delay_s * 1.1 + 1


@pytest.mark.parametrize("priority", PRIORITIES)
def test_callbacks_reach_webhooks_alone_and_no_copy_hides_that_a_queue_is_missing(
    priority: str,
) -> None:
    for channel in CHANNELS:
        reached = queues_reached(CALLBACKS, delivery_key(channel, priority))
        assert reached == ([f"webhook.{priority}"] if channel == "webhook" else [])

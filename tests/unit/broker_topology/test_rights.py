"""What each broker user may touch, by the names of the real topology."""

import re

import pytest

from broker_topology.rights import API, CONSOLE, JOURNAL, OPERATOR, Rights, rights, sender
from broker_topology.topology import CANCELS, LIVE, build
from common.channels import CHANNELS

QUEUES = frozenset(queue.name for queue in build().queues)
EXCHANGES = frozenset(exchange.name for exchange in build().exchanges)
EVERYTHING = QUEUES | EXCHANGES
BY_ROLE = {one.role: one for one in rights()}


def matching(pattern: str, names: frozenset[str] = EVERYTHING) -> set[str]:
    """The names that the broker would let through: it searches, as `re.search` does."""
    return {name for name in names if re.search(pattern, name)}


def test_there_is_one_user_per_process_and_an_operator() -> None:
    assert list(BY_ROLE) == [
        API,
        *(sender(channel) for channel in CHANNELS),
        CONSOLE,
        JOURNAL,
        OPERATOR,
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_sender_reads_its_own_channel_and_writes_what_replaces_a_message(channel: str) -> None:
    user = BY_ROLE[sender(channel)]
    own = {f"{channel}.{name}" for name in ("high", "normal", "bulk")}
    assert matching(user.read) == own | {CANCELS}
    assert matching(user.write, EXCHANGES) == {"retry", "dead", "events", "notifications"}
    assert matching(user.write, QUEUES) == {f"{channel}.dead"}, "it asks whether it is there"
    assert matching(user.configure) == set()


def test_api_writes_notifications_and_events_and_reads_and_binds_no_queue() -> None:
    user = BY_ROLE[API]
    assert matching(user.write, EXCHANGES) == {"notifications", "events"}
    assert matching(user.read) == {LIVE}
    assert matching(user.configure) == set()


def test_api_may_ask_for_the_queues_of_every_channel() -> None:
    priorities = ("high", "normal", "bulk")
    wanted = {f"{channel}.{name}" for channel in CHANNELS for name in priorities}
    assert matching(BY_ROLE[API].write, QUEUES) == wanted | {CANCELS}


def test_api_may_have_a_queue_of_its_own_for_live_events() -> None:
    own = frozenset({f"{LIVE}.api-1"})
    user = BY_ROLE[API]
    assert matching(user.configure, own) == matching(user.write, own) == own
    assert matching(user.read, own | {LIVE}) == own | {LIVE}
    assert matching(user.configure, frozenset({LIVE})) == set(), "the exchange is not its own"


def test_console_reads_and_locks_dead_letters_alone_puts_them_back_and_replaces_them() -> None:
    user = BY_ROLE[CONSOLE]
    dead = {*(f"{channel}.dead" for channel in CHANNELS), "unrouted"}
    priorities = ("high", "normal", "bulk")
    queues = {f"{channel}.{name}" for channel in CHANNELS for name in priorities}
    assert matching(user.read, QUEUES) == dead
    assert matching(user.write, EXCHANGES) == {"due", "events", "notifications", "callbacks"}
    assert matching(user.write, QUEUES) == queues | {CANCELS}
    assert matching(user.configure) == set()
    locks = frozenset(f"lock.{name}" for name in dead)
    assert matching(user.configure, locks) == locks
    for role, other in BY_ROLE.items():
        assert role in (CONSOLE, OPERATOR) or not matching(other.read, frozenset(dead))


@pytest.mark.parametrize("user", [one for one in rights() if one.role != OPERATOR])
def test_lookalikes_and_the_default_exchange_are_out(user: Rights) -> None:
    lookalikes = frozenset(
        {"emailXnormal", "email.normal.copy", "my.email.normal", "email.deads", "email.normally"}
        | {"lock", "lock.", "lock.email.deads", "xlock.email.dead", "email.dead.letters"}
        | {"retry.1s", "dead.letters", "xevents", "notifications2", "", "amq.default"}
        | {"amq.gen-JzTY20BRgKO-HjmUJj0wLg"}
    )
    for pattern in (user.write, user.read, user.configure):
        # `^$` matches the empty name, which the broker never asks about: it says amq.default.
        assert matching(pattern, lookalikes) <= {""}
    assert user.tags == (("monitoring",) if user.role == CONSOLE else ())


def test_journal_reads_its_queue_and_puts_aside_and_can_send_nothing_but_webhooks() -> None:
    user = BY_ROLE[JOURNAL]
    assert matching(user.read) == {"journal"}
    assert matching(user.write) == {"live", "aside", "events", "callbacks"}
    assert matching(user.configure) == set()


def test_nobody_but_the_operator_reads_what_the_journal_could_not_store() -> None:
    kept = frozenset({"journal.dead"})
    assert [role for role, user in BY_ROLE.items() if matching(user.read, kept)] == [OPERATOR]


def test_operator_may_do_everything_and_look_but_not_make_users() -> None:
    user = BY_ROLE[OPERATOR]
    for pattern in (user.configure, user.write, user.read):
        assert matching(pattern) == EVERYTHING
    assert user.tags == ("monitoring",)

"""What the doctor concludes from what it sees: pure decisions, each a row of a table."""

import re
from pathlib import Path

import pytest

from admin.doctor.providers import check_provider
from admin.doctor.settings import (
    check_clock,
    check_disk,
    check_settings,
    configured_channels,
    configured_roles,
    contradictions,
)
from admin.doctor.start import start_faults
from admin.up.env_file import env_text
from broker_topology.health.checks import (
    check_broker_disk,
    check_greeting,
    check_nodes,
    check_quorum,
    judge_rights,
)
from broker_topology.rights import API
from broker_topology.state import Greeting, ManagedState, NodeState, QueueMembers
from common.channels import FACTS, Channel
from common.settings import Settings, load_settings
from common.watching.finding import ClockReading, State
from deploy.local.stack import BACKOFF_S, checkout, restart_pause_s

WHSEC = "whsec_" + "b3RoZXIh" * 5


def settings(**given: str) -> Settings:
    return load_settings({f"GATEWAY_{name.upper()}": value for name, value in given.items()})


def node(name: str = "a", **facts: object) -> NodeState:
    return NodeState.model_validate({"name": name, "running": True} | facts)


def state(*nodes: NodeState, queues: tuple[QueueMembers, ...] = ()) -> ManagedState:
    return ManagedState(nodes or (node(),), queues, None)


def queue(members: str, online: str) -> QueueMembers:
    return QueueMembers(name="q", type="quorum", members=list(members), online=list(online))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"email_from": "a@example.com"},
            ["GATEWAY_EMAIL_FROM is set, but GATEWAY_EMAIL_URL is not"],
        ),
        ({"vk_api_url": "http://x"}, ["GATEWAY_VK_API_URL is set, but GATEWAY_VK_TOKEN is not"]),
        ({"vk_lanes": "high:0"}, ["GATEWAY_VK_LANES has no lane at all"]),
        ({"expires_in_s": "5"}, ["nothing would be tried twice"]),
        ({"expires_in_s": "60", "retry_delays": "30s,1m"}, ["the last tries would never come"]),
        (
            {"email_url": "smtp://h:465", "email_from": "a@example.com"},
            ["port 465, where TLS begins at once: write smtps://"],
        ),
        (
            {"email_url": "smtps://h:587", "email_from": "a@example.com"},
            ["port 587, where TLS begins by STARTTLS"],
        ),
        ({}, []),
        ({"vk_token": "x", "vk_rate": "5/s", "telegram_rate": "5/s"}, []),
    ],
)
def test_contradicting_settings(given: dict[str, str], words: list[str]) -> None:
    found = list(contradictions(settings(**given)))
    assert len(found) == len(words), found
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"api_host": "192.0.2.1"}, ["GATEWAY_API_HOST is 192.0.2.1 but there is no"]),
        (
            {"email_url": "smtp://h", "email_from": "not-an-address"},
            ["GATEWAY_EMAIL_FROM is not an email address"],
        ),
        (
            {"telegram_token": "1:a", "telegram_api_url": "ftp://h", "vk_token": "a"},
            ["GATEWAY_TELEGRAM_API_URL must be an address"],
        ),
        (
            {"amqp_url": "amqps://h", "amqp_ca_file": "/nonesuch", "vk_token": "a"},
            ["/nonesuch (GATEWAY_AMQP_CA_FILE) cannot be read"],
        ),
    ],
)
def test_what_a_process_would_say_at_its_start(given: dict[str, str], words: list[str]) -> None:
    there = settings(**given)
    found = list(start_faults(there, configured_roles(there)))
    assert len(found) == len(words), found
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_only_the_chosen_processes_are_asked() -> None:
    there = settings(api_host="192.0.2.1", email_url="smtp://h", email_from="nobody")
    assert list(start_faults(there, ["sender-vk"])) == [
        "the vk channel needs GATEWAY_VK_TOKEN; set it or see docs/settings.md"
    ]


def test_channel_is_configured_by_its_credentials() -> None:
    given = settings(vk_token="x", email_url="smtp://h", email_from="a@example.com")
    assert configured_channels(given) == ["email", "vk"]


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        ({}, State.SKIPPED, "GATEWAY_CALLBACK_SECRET is not set"),
        ({"callback_secret": WHSEC}, State.OK, "1 secret signs; it may go to public addresses"),
        (
            {"callback_secret": f"{WHSEC},{WHSEC}", "callback_allow_networks": "10.20.0.0/16"},
            State.OK,
            "2 secrets sign; it may go to public addresses and 10.20.0.0/16",
        ),
        (
            {"callback_secret": WHSEC, "callback_public": "no"},
            State.WRONG,
            "name networks in GATEWAY_CALLBACK_ALLOW_NETWORKS",
        ),
    ],
)
async def test_webhooks_are_told_with_where_they_may_go(
    given: dict[str, str], state: State, says: str
) -> None:
    [finding] = (await check_provider(Channel.WEBHOOK, settings(**given))).findings
    assert finding.state is state
    assert says in finding.detail
    assert WHSEC not in finding.detail


def test_network_that_is_allowed_without_a_secret_is_told() -> None:
    [found] = contradictions(settings(callback_allow_networks="10.20.0.0/16"))
    assert "GATEWAY_CALLBACK_ALLOW_NETWORKS is set, but GATEWAY_CALLBACK_SECRET is not" in found


@pytest.mark.parametrize(
    ("version", "is_blocked", "wanted"),
    [
        ("3.9.29", False, State.WRONG),
        ("3.10.8", False, State.OK),
        ("4.3.6+rc.1", False, State.OK),
        ("3.10.8", True, State.WRONG),
    ],
)
def test_broker_needs_a_supported_version_and_no_alarm(
    version: str, is_blocked: bool, wanted: State
) -> None:
    assert check_greeting(Greeting(version, "c", is_blocked), "amqp://h").state is wanted


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((node(), node("b", running=False)), "node b is down"),
        ((node(mem_alarm=True),), "out of memory"),
        ((node(disk_free_alarm=True),), "out of disk"),
        ((node(partitions=["b"]),), "does not see b"),
        ((node(), node("b")), "2 nodes run"),
    ],
)
def test_nodes(nodes: tuple[NodeState, ...], words: str) -> None:
    assert words in check_nodes(state(*nodes)).detail


@pytest.mark.parametrize(
    ("count", "members", "online", "wanted"),
    [
        (3, "abc", "ab", State.OK),
        (3, "abc", "a", State.WRONG),
        (2, "ab", "a", State.WRONG),
        (1, "a", "a", State.OK),
        (3, "a", "a", State.WRONG),
        (3, "ab", "ab", State.WRONG),
        (5, "abc", "abc", State.WRONG),
        (5, "abcde", "abcde", State.OK),
        (1, "", "", State.SKIPPED),
    ],
)
def test_quorum(count: int, members: str, online: str, wanted: State) -> None:
    nodes = [node(name) for name in "abcde"[:count]]
    assert check_quorum(state(*nodes, queues=(queue(members, online),))).state is wanted


@pytest.mark.parametrize(
    ("free", "limit", "wanted"),
    [
        (50_000_000_000, 50_000_000, State.OK),
        (900_000_000, 50_000_000, State.WRONG),
        (3_000_000_000, 2_000_000_000, State.WRONG),
        ("unknown", "unknown", State.SKIPPED),
    ],
)
def test_room_on_the_brokers_disk(free: int | str, limit: int | str, wanted: State) -> None:
    found = check_broker_disk(state(node(disk_free=free, disk_free_limit=limit)))
    assert found.state is wanted


def test_without_management_api_what_it_tells_is_skipped_and_said_so() -> None:
    for check in (check_nodes, check_quorum, check_broker_disk):
        found = check("the management API does not answer")
        assert (found.state, "does not answer" in found.detail) == (State.SKIPPED, True)


@pytest.mark.parametrize(
    ("ahead_s", "wanted", "words"),
    [
        ([], State.SKIPPED, "not compared"),
        ([29.0, -29.0], State.OK, "agrees with 0 and 1"),
        ([0.0, 31.0], State.WRONG, "31 s behind that of 1"),
        ([-90.0, 31.0], State.WRONG, "90 s ahead of that of 0"),
    ],
)
def test_clock(ahead_s: list[float], wanted: State, words: str) -> None:
    found = check_clock([ClockReading(str(n), one) for n, one in enumerate(ahead_s)])
    assert found.state is wanted
    assert words in found.detail


@pytest.mark.parametrize(("free", "wanted"), [(499_999_999, State.WRONG), (10**9, State.OK)])
def test_room_on_this_disk(free: int, wanted: State) -> None:
    assert check_disk(checkout(), free).state is wanted


def test_missing_rights_are_named_with_their_role() -> None:
    found = judge_rights("ada", {"api": [], "sender-vk": ["consume vk.high", "publish to dead"]})
    assert found.state is State.WRONG
    assert "as sender-vk: consume vk.high, publish to dead" in found.detail
    assert judge_rights("ada", {"api": []}).state is State.OK


def test_written_env_file_says_the_defaults() -> None:
    text = env_text("a-key-of-sixteen-letters", "another-key-of-the-console")
    lines = [line for line in text.splitlines() if re.match("#?GATEWAY_[A-Z_]+=", line)]
    pairs = dict(line.lstrip("#").split("=", 1) for line in lines)
    assert [line for line in lines if not line.startswith("#")] == [
        "GATEWAY_API_KEY=a-key-of-sixteen-letters",
        "GATEWAY_CONSOLE_KEY=another-key-of-the-console",
    ]
    assert set(pairs) == {f"GATEWAY_{name.upper()}" for name in Settings.model_fields}
    keys = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert load_settings(pairs) == load_settings(keys)


def test_written_env_file_starts_with_the_credentials() -> None:
    credentials, rest = env_text("a-key-of-sixteen-letters", "another-key-of-the-console").split(
        "-- Everything else", 1
    )
    names = re.findall("^#?(GATEWAY_[A-Z_]+)=", credentials, re.MULTILINE)
    assert names == [
        "GATEWAY_API_KEY",
        "GATEWAY_CONSOLE_KEY",
        "GATEWAY_AMQP_URL",
        *(f"GATEWAY_{name.upper()}" for facts in FACTS.values() for name in facts.needs),
    ]
    assert "# bot token from @BotFather\n#GATEWAY_TELEGRAM_TOKEN=\n" in credentials
    assert set(names).isdisjoint(re.findall("^#?(GATEWAY_[A-Z_]+)=", rest, re.MULTILINE))


def test_pause_before_a_restart_grows_to_its_largest() -> None:
    pauses = [restart_pause_s(failures) for failures in range(1, 9)]
    assert pauses[: len(BACKOFF_S)] == list(BACKOFF_S)
    assert set(pauses[len(BACKOFF_S) :]) == {BACKOFF_S[-1]}


def test_unreadable_line_of_another_program_is_told_and_not_wrong(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("; a comment\n")
    told, well = check_settings(load_settings(file=file), [API], file)
    assert (told.state, well.state) == (State.SKIPPED, State.OK)
    assert told.detail.startswith(f"{file}, line 1: this line cannot be read and is passed over")

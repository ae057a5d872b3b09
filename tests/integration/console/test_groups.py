"""Dead letters by reason over HTTP, and what sending them again would do."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker_topology.dead_letters.letter import read_letter
from broker_topology.dead_letters.queue import opened
from common.channels import Channel
from common.envelope import EventType
from common.times import epoch_ms, utc_now
from console.dead_letters.groups import MOST_GROUPS, count_letters
from console.dead_letters.standing import judge
from console.documentation.models import DryRun, LetterGroups
from journal.recording import record
from store.database import Database
from store.processes import ProcessRow, save_processes
from tests.support.clients.console_client import PATH, assert_problem, console, done
from tests.support.dead_letters import bury_all, reason
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.queues import count, make_delivery
from tests.support.stored import new_deliveries

EMAIL = [make_delivery(channel=Channel.EMAIL, address=f"ada{n}@example.com") for n in range(3)]
CHAT = make_delivery(address="4123452")


@pytest.fixture
async def client(gateway_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    letters = [(one, reason("550 5.1.1", at=utc_now())) for one in EMAIL]
    bury_all(gateway_url, [*letters, (CHAT, reason("429", "exhausted"))])
    async with console(gateway_url, state_dir=tmp_path) as client:
        yield client


async def grouped(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get(f"{PATH}/groups", params=query)
    assert answer.status_code == 200, answer.text
    LetterGroups.model_validate_json(answer.content, extra="forbid")
    document: dict[str, Any] = answer.json()
    return document


async def counted(client: httpx.AsyncClient) -> dict[str, Any]:
    """The groups once the queues themselves have told."""

    async def is_counted() -> dict[str, Any] | None:
        told = await grouped(client)
        return told if told["source"] == "queue" and told["fault"] is None else None

    told: dict[str, Any] = await eventually(is_counted)
    return told


async def test_groups_say_why_in_plain_words_how_many_and_what_helps(
    client: httpx.AsyncClient,
) -> None:
    told = await counted(client)
    assert told["total"] == 4
    mails, chats = told["groups"]
    assert (mails["count"], mails["reason"]["says"]) == (3, "Mailbox does not exist")
    assert mails["remedy"] == "correct the address (`--redirect`) or discard"
    assert mails["example"].startswith("email:a•")
    assert "ada" not in mails["example"]
    assert sum(mails["trend"]) == 3
    assert (chats["count"], chats["reason"]["key"]) == (1, "exhausted")
    russian = await grouped(client, language="ru")
    assert russian["groups"][0]["reason"]["says"] == "Такого почтового ящика нет"
    wrong = await client.get(f"{PATH}/groups", params={"language": "de"})
    assert_problem(wrong, "invalid_request")


async def test_group_is_sent_again_by_its_own_filter(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    mails = (await counted(client))["groups"][0]
    answer = await client.post(f"{PATH}/requeue", json={"filter": mails["filter"]})
    assert (await done(client, answer))["requeued"] == 3
    assert (count(gateway_url, "email.normal"), count(gateway_url, "telegram.dead")) == (3, 1)
    told = await counted(client)
    assert [one["channel"] for one in told["groups"]] == ["telegram"]


async def test_while_the_queues_are_busy_the_store_tells(
    gateway_url: str, database: Database, store_url: str
) -> None:
    [one] = new_deliveries(channel=Channel.EMAIL, address="ada@example.com")
    died = event(one, EventType.FAILED, at=utc_now(), fail_class="rejected", code="550 5.1.1")
    [old] = new_deliveries(channel=Channel.EMAIL, address="bob@example.com")
    long_ago = utc_now() - timedelta(days=9)
    died_before = event(old, EventType.FAILED, at=long_ago, fail_class="rejected", code="550 5.1.1")
    record(database, [accepted(one), died, accepted(old), died_before], 0)
    with opened(gateway_url, "email.dead"):
        async with console(gateway_url, store_url=store_url) as client:
            told = await grouped(client)
            assert (told["source"], told["counting"]) == ("store", True)
    [group] = told["groups"]
    assert (group["queue"], group["count"], sum(group["trend"])) == ("email.dead", 2, 1)
    assert group["trend"][-1] + group["trend"][-2] == 1
    assert group["example"].startswith("email:")
    assert group["reason"]["key"] == "no_mailbox"


async def test_without_store_and_broker_the_fault_is_told(tmp_path: Path) -> None:
    async with console("amqp://gateway:gateway@127.0.0.1:1/", state_dir=tmp_path) as client:

        async def is_told() -> bool:
            told = await grouped(client)
            return bool(told["source"] == "none" and told["fault"] == "broker_unreachable")

        await eventually(is_told)


def test_reasons_without_end_are_counted_and_not_kept() -> None:
    letter = read_letter("telegram.dead", CHAT.encode(), reason())
    letters = (replace(letter, code=f"5{number}") for number in range(MOST_GROUPS + 5))
    told = count_letters(letters)
    assert (len(told.groups), told.more, told.total) == (MOST_GROUPS, 5, MOST_GROUPS + 5)


async def test_dry_run_says_what_would_happen_and_changes_nothing(
    client: httpx.AsyncClient, gateway_url: str
) -> None:
    order = {"all": True, "rate": "1/s", "dry_run": True}
    answer = await client.post(f"{PATH}/requeue", json=order)
    assert answer.status_code == 200
    DryRun.model_validate_json(answer.content, extra="forbid")
    told = answer.json()
    assert (told["would_requeue"], told["recipients"], told["takes_s"]) == (4, 4, 3.0)
    assert told["takes_exactly"] is True
    assert {(one["channel"], one["count"]) for one in told["groups"]} == {
        ("email", 3),
        ("telegram", 1),
    }
    assert {(one["channel"], one["code"]) for one in told["wrong"]} == {
        ("email", "no_sender"),
        ("telegram", "no_sender"),
    }
    assert (count(gateway_url, "email.dead"), count(gateway_url, "email.normal")) == (3, 0)
    order = {"ids": [CHAT.id, "nobody"], "dry_run": True, "language": "ru"}
    told = (await client.post(f"{PATH}/requeue", json=order)).json()
    assert (told["would_requeue"], told["missing"]) == (1, ["nobody"])
    assert told["wrong"][0]["says"].startswith("Ни один отправитель telegram")


def sender(kind: str, account: str = "ok", *, stopped: bool = False) -> ProcessRow:
    now_ms = epoch_ms(utc_now())
    state = {"account": account, "stopped": stopped}
    return ProcessRow(kind, kind, "here", "1", now_ms, now_ms, state)


def test_refused_accounts_and_stopped_senders_are_told() -> None:
    rows = [
        sender("sender-email", "refused by the provider; correct the credentials"),
        sender("sender-vk", stopped=True),
        sender("sender-telegram"),
        sender("api"),
    ]
    found = judge(rows, {("telegram", "throttled"): 2}, {"email", "vk", "telegram"}, {"vk"})
    assert [(one.channel, one.code) for one in found] == [
        ("email", "account_refused"),
        ("telegram", "held"),
        ("vk", "no_sender"),
    ]
    assert "refused by the provider" in found[0].says.en


async def test_dry_run_asks_the_store_about_the_senders(
    gateway_url: str, database: Database, store_url: str
) -> None:
    bury_all(gateway_url, [(CHAT, reason("403"))])
    with database.writing() as connection:
        save_processes(connection, [sender("sender-telegram", "refused by the provider")])
    async with console(gateway_url, store_url=store_url) as client:
        order = {"all": True, "dry_run": True}
        told = (await client.post(f"{PATH}/requeue", json=order)).json()["wrong"]
    assert [one["code"] for one in told] == ["no_sender", "account_refused"]

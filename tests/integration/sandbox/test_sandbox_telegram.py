"""The stand-in Bot API, driven by python-telegram-bot, and by httpx where bodies matter."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from common.channels import Channel
from deploy.sandbox import Sandbox

TOKEN = "123456:sandbox"

# The library warns of its own future at every RetryAfter.
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")


@pytest.fixture
async def bot(sandbox: Sandbox) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, base_url=f"{sandbox.http_url}/bot") as running:
        yield running


async def test_accepted_message_is_answered_and_in_the_inbox(sandbox: Sandbox, bot: Bot) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Open", url="https://example.com")]])
    message = await bot.send_message(42, "<b>Hi</b> &amp; bye", "HTML", reply_markup=keyboard)

    assert (message.chat.id, message.chat.type, message.text) == (42, "private", "Hi & bye")
    (entry,) = sandbox.inbox.entries("telegram", "42")
    assert entry.text == "<b>Hi</b> &amp; bye"
    assert entry.provider_id == str(message.message_id)
    assert entry.delivery_id is None
    assert entry.params["parse_mode"] == "HTML"
    assert json.loads(entry.params["reply_markup"])["inline_keyboard"][0][0]["text"] == "Open"


@pytest.mark.parametrize(
    ("chat_id", "kind"),
    [("@news", "channel"), ("-5", "group"), ("-1001234567890", "supergroup")],
)
async def test_chat_type_follows_the_id(bot: Bot, chat_id: str, kind: str) -> None:
    assert (await bot.send_message(chat_id, "Hi")).chat.type == kind


async def test_files_are_accepted_by_upload_and_by_url(sandbox: Sandbox, bot: Bot) -> None:
    content = b"\x00\xff\r\n\r\n\n--\n"
    document = await bot.send_document(42, content, "Счёт", filename="счёт.pdf")
    photo = await bot.send_photo(42, "https://example.com/cat.png")
    album = await bot.send_media_group(
        42, [InputMediaPhoto(b"one", caption="First"), InputMediaPhoto(b"two")]
    )

    assert document.document is not None
    assert document.document.file_name == "счёт.pdf"
    assert document.document.file_size == len(content)
    assert document.caption == "Счёт"
    assert len(photo.photo) == 1
    assert [one.caption for one in album] == ["First", None]
    assert album[0].media_group_id == album[1].media_group_id
    assert [len(one.attachments) for one in sandbox.inbox.entries("telegram", "42")] == [1, 1, 2]


@pytest.mark.parametrize("packing", ["data", "json", "params", "files"])
async def test_method_name_and_packing_do_not_matter(
    sandbox: Sandbox, http: httpx.AsyncClient, packing: str
) -> None:
    fields: dict[str, Any] = {"chat_id": "42", "text": "Привет"}
    if packing == "files":
        fields = {name: (None, value) for name, value in fields.items()}
    packed: dict[str, Any] = {packing: fields}
    answer = await http.post(f"/bot{TOKEN}/SENDmessage", **packed)

    assert answer.json()["result"]["text"] == "Привет"
    assert len(sandbox.inbox.entries("telegram", "42")) == 1


async def test_get_me_names_the_bot(bot: Bot) -> None:
    assert (await bot.get_me()).id == 123456


@pytest.mark.parametrize("token", ["bad-token", "bad-token:1", "123456"])
async def test_wrong_token_is_unauthorized(http: httpx.AsyncClient, token: str) -> None:
    answer = await http.post(f"/bot{token}/getMe")
    expected = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert (answer.status_code, answer.json()) == (401, expected)


async def test_unknown_method_is_not_found(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"/bot{TOKEN}/sendNothing")
    assert (answer.status_code, answer.json()["error_code"]) == (404, 404)


@pytest.mark.parametrize(
    ("fields", "description"),
    [
        ({}, "chat_id is empty"),
        ({"chat_id": "ada"}, "chat not found"),
        ({"chat_id": "42"}, "message text is empty"),
        ({"chat_id": "42", "text": " \n"}, "message text is empty"),
        ({"chat_id": "42", "text": "я" * 4097}, "message is too long"),
        ({"chat_id": "42", "text": "a", "parse_mode": "RTF"}, "unsupported parse_mode"),
        (
            {"chat_id": "42", "text": "<b>a", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"chat_id": "42", "text": "я <p>a</p>", "parse_mode": "HTML"},
            'can\'t parse entities: Unsupported start tag "p" at byte offset 3',
        ),
        (
            {"chat_id": "42", "text": "<b>a</i>", "parse_mode": "HTML"},
            "can't parse entities: Unmatched end tag at byte offset 4, "
            'expected "</b>", found "</i>"',
        ),
        (
            {"chat_id": "42", "text": "I <3 you", "parse_mode": "HTML"},
            'can\'t parse entities: Unsupported start tag "" at byte offset 2',
        ),
    ],
)
async def test_wrong_message_is_refused_in_the_apis_words(
    sandbox: Sandbox, http: httpx.AsyncClient, fields: dict[str, str], description: str
) -> None:
    answer = await http.post(f"/bot{TOKEN}/sendMessage", data=fields)

    assert answer.status_code == 400
    assert answer.json()["description"] == f"Bad Request: {description}"
    assert sandbox.inbox.entries() == []


async def test_length_counts_after_entities(bot: Bot) -> None:
    message = await bot.send_message(42, f"<b>{'a' * 4096}</b>", "HTML")
    assert message.text == "a" * 4096


async def _outcome(bot: Bot, chat_id: int) -> type[TelegramError] | None:
    try:
        await bot.send_message(chat_id, "Hi", read_timeout=1.5)
    except TelegramError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("chat_id", "outcomes", "accepted"),
    [
        (900001000, [Forbidden, Forbidden], 0),
        (900002999, [BadRequest, BadRequest], 0),
        (900003000, [RetryAfter, None, None], 2),
        (900004000, [NetworkError, NetworkError, None], 1),
        (900005000, [NetworkError, None], 1),
        (900006000, [NetworkError, None], 2),
        (-900007000, [ChatMigrated, ChatMigrated], 0),
        (900000999, [None], 1),
        (900009000, [None], 1),
    ],
)
async def test_chat_in_a_magic_range_fails_as_the_table_says(
    sandbox: Sandbox,
    bot: Bot,
    chat_id: int,
    outcomes: list[type[TelegramError] | None],
    accepted: int,
) -> None:
    assert [await _outcome(bot, chat_id) for _ in outcomes] == outcomes
    assert len(sandbox.inbox.entries("telegram", str(chat_id))) == accepted
    assert len(sandbox.inbox.attempts("telegram", str(chat_id))) == len(outcomes)


async def test_migrated_group_is_reachable_at_its_new_id(sandbox: Sandbox, bot: Bot) -> None:
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(-900007000, "Hi")
    assert moved.value.new_chat_id == -100900007000
    await bot.send_message(moved.value.new_chat_id, "Hi")


async def test_rate_limit_says_when_to_come_back(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.fail_next(Channel.TELEGRAM, "rate_limit", recipient="42", retry_after_s=7)
    fields = {"chat_id": "42", "text": "Hi"}
    other = await http.post(f"/bot{TOKEN}/sendMessage", data={"chat_id": "43", "text": "Hi"})
    answer = await http.post(f"/bot{TOKEN}/sendMessage", data=fields)

    assert other.status_code == 200
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 7",
        "parameters": {"retry_after": 7},
    }


@pytest.mark.parametrize(
    ("fault", "outcome", "accepted"),
    [
        ("server_error", NetworkError, 1),
        ("html_body", NetworkError, 1),
        ("refuse", BadRequest, 1),
        ("bounce", BadRequest, 1),
        ("blocked", Forbidden, 1),
        ("migrated", ChatMigrated, 1),
        ("bad_auth", InvalidToken, 1),
        ("reset_before", NetworkError, 1),
        ("accept_then_reset", NetworkError, 3),
        ("accept_then_hang", TimedOut, 3),
    ],
)
async def test_next_two_fail_with_the_fault(
    sandbox: Sandbox, bot: Bot, fault: str, outcome: type[TelegramError], accepted: int
) -> None:
    sandbox.faults.fail_next(Channel.TELEGRAM, fault, count=2)
    assert [await _outcome(bot, 42) for _ in range(3)] == [outcome, outcome, None]
    assert len(sandbox.inbox.entries("telegram", "42")) == accepted
    assert sandbox.inbox.duplicates == accepted - 1


async def test_slow_chat_accepts_though_the_client_gave_up(sandbox: Sandbox, bot: Bot) -> None:
    assert await _outcome(bot, 900008000) is TimedOut
    await sandbox.inbox.wait_for(1, "telegram", "900008000", timeout_s=30)

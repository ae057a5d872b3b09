"""Telegram through the Bot API: every lane has a Bot and a connection of its own.

A pool of connections looks at each of them for every call.
"""

import asyncio
import html
import json
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import TelegramError
from telegram.helpers import escape_markdown
from telegram.request import HTTPXRequest

from common.channels import Channel
from common.envelope import Delivery, WireTelegram
from common.settings import Rate, Settings
from common.watching.redaction import Redactor
from senders.endpoint import (
    CONNECT_TIMEOUT_S,
    DELIVERY_HEADER,
    MOST_ANSWER_BYTES,
    READ_TIMEOUT_S,
    is_tellable,
    read_access,
)
from senders.outcome import Reply, Scope, Sent, Unknown
from senders.provider import Limits, Provider
from senders.redaction import redact
from senders.telegram.codes import (
    Answer,
    AnswerError,
    UnreadError,
    classify_answer,
    classify_failure,
    read_answer,
)

_REMEMBERED_CHATS: Final = 10_000

_delivery_id: ContextVar[str] = ContextVar("delivery_id")  # of the call that this task makes


class _Request(HTTPXRequest):
    """Reads answers before the library does: it would lose a refusal's status code, and raise
    whatever comes of an answer that is not quite the API's.
    """

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        answer = read_answer(*await super().do_request(*args, **kwargs))
        if isinstance(answer, Answer):
            raise AnswerError(answer)
        message = {"message_id": answer, "date": 0, "chat": {"id": 1, "type": "private"}}
        return HTTPStatus.OK, json.dumps({"ok": True, "result": message}).encode()


class _Bounded(httpx.AsyncByteStream):
    """A response's body that breaks off where it is longer than any answer of the API."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_ANSWER_BYTES
        async for chunk in self._body:
            left -= len(chunk)
            if left < 0:
                raise UnreadError(f"the answer has more than {MOST_ANSWER_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


async def _bound(response: httpx.Response) -> None:
    """Before the body is read: a small one may unpack to gigabytes, so none may be packed."""
    if response.headers.get("Content-Encoding", "") not in ("", "identity"):
        raise UnreadError("the answer is compressed, which was not asked for")
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Bounded(response.stream)


async def _tell_id(request: httpx.Request) -> None:
    """Say which delivery a call is for; the library's own calls have no place for a header."""
    if is_tellable(delivery_id := _delivery_id.get("")):
        request.headers[DELIVERY_HEADER] = delivery_id


class RecentSends:
    """When the last sends to each chat were, to tell a chat's throttle from the account's."""

    def __init__(self, budget: Rate | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = (budget or Rate(1, 1)).interval_s
        self._clock = clock
        self._sends: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def note(self, chat: str) -> None:
        """Remember that a message to this chat goes out now; the oldest chats are forgotten."""
        _, last = self._sends.pop(chat, (0.0, float("-inf")))
        self._sends[chat] = (last, self._clock())
        while len(self._sends) > _REMEMBERED_CHATS:
            self._sends.popitem(last=False)

    def throttled_scope(self, chat: str) -> Scope:
        """The recipient for a group, or a chat that was sent to faster than its budget."""
        if chat.startswith(("-", "@")):
            return Scope.RECIPIENT
        before, last = self._sends.get(chat, (float("-inf"), 0.0))
        return Scope.RECIPIENT if last - before < self._interval_s * 0.9 else Scope.ACCOUNT


class TelegramProvider:
    """Sends as the bot of GATEWAY_TELEGRAM_TOKEN. Raises SettingsError when it cannot."""

    name = Channel.TELEGRAM
    repeat_safe_s: Final[float | None] = None

    def __init__(
        self,
        settings: Settings,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._access = read_access(self.name, settings)
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        # One for all lanes: the certificates that it trusts take 5 MB.
        self._trust = httpx.create_ssl_context(trust_env=self._access.url.may_use_proxy)
        self._rates = settings.telegram_chat_rate, settings.telegram_group_rate
        self.rate = settings.telegram_rate
        self._recent = RecentSends(settings.telegram_chat_rate)

    def transmitter(self) -> "TelegramTransmitter":
        """A new transmitter; its bot is made for the first send."""
        return TelegramTransmitter(self._make_bot, self._recent, self._access.token)

    def limits(self, delivery: Delivery) -> Limits:
        """The rate of a private chat, or of a group or channel."""
        chat_rate, group_rate = self._rates
        is_group = delivery.address.startswith(("-", "@"))
        return Limits(recipient=group_rate if is_group else chat_rate)

    async def close(self) -> None:
        """Nothing is shared that is open."""

    def _make_bot(self) -> Bot:
        url, (connect_s, read_s) = self._access.url, self._timeouts_s
        request = _Request(
            connection_pool_size=1,
            read_timeout=read_s,
            write_timeout=read_s,
            connect_timeout=connect_s,
            pool_timeout=connect_s,
            httpx_kwargs={
                "trust_env": url.may_use_proxy,
                "verify": self._trust,
                "headers": {"Accept-Encoding": "identity"},
                "event_hooks": {
                    "request": [_tell_id] if url.is_told_ids else [],
                    "response": [_bound],
                },
            },
        )
        # The same for updates, which are never fetched: a pool of their own costs 5 MB.
        return Bot(
            self._access.token,
            base_url=f"{url.base}/bot",
            request=request,
            get_updates_request=request,
        )


def make_provider(settings: Settings) -> Provider:
    """The channel, from its settings. Raises SettingsError when it cannot send."""
    return TelegramProvider(settings)


class TelegramTransmitter:
    """Sends one message at a time through a bot of its own."""

    def __init__(self, make_bot: Callable[[], Bot], recent: RecentSends, token: str) -> None:
        self._make_bot = make_bot
        self._bot: Bot | None = None
        self._recent = recent
        self._redactor = Redactor([token, token.partition(":")[2]])

    async def send(self, delivery: Delivery) -> Reply:
        """Send one text message."""
        options = delivery.telegram or WireTelegram()
        self._recent.note(delivery.address)
        _delivery_id.set(delivery.id)
        bot = self._bot = self._bot or self._make_bot()
        try:
            message = await bot.send_message(**write_message(delivery))
        except AnswerError as error:
            scope = self._recent.throttled_scope(delivery.address)
            outcome = classify_answer(error.answer, throttle=scope)
        except TelegramError as error:
            outcome = classify_failure(error)
        except asyncio.CancelledError:
            await self.close()  # its connection may count as in use for ever, and there is no other
            raise
        else:
            return Sent(str(message.message_id))
        if isinstance(outcome, Unknown):
            outcome = replace(outcome, resend=options.on_unknown != "fail")
        return redact(outcome, self._redactor)

    async def close(self) -> None:
        """Close the connection; idempotent."""
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()


def write_message(delivery: Delivery) -> dict[str, Any]:
    """The arguments of `Bot.send_message`; the subject, if any, stands above the text."""
    options = delivery.telegram or WireTelegram()
    is_html_only = delivery.text is None and delivery.html is not None
    parse_mode = "HTML" if is_html_only else options.parse_mode
    text = (delivery.html if is_html_only else delivery.text) or ""
    if delivery.subject:
        text = f"{_escaped(delivery.subject, parse_mode)}\n\n{text}"
    preview = options.link_preview
    rows = [
        [InlineKeyboardButton(button.text, url=button.url) for button in row]
        for row in options.buttons
    ]
    chat = delivery.address
    return {
        "chat_id": int(chat) if re.fullmatch(r"-?\d+", chat) else chat,
        "text": text,
        "parse_mode": parse_mode,
        "disable_notification": options.disable_notification or None,
        "protect_content": options.protect_content or None,
        "message_thread_id": options.message_thread_id,
        "link_preview_options": (
            LinkPreviewOptions(**preview.model_dump(exclude_defaults=True)) if preview else None
        ),
        "reply_markup": InlineKeyboardMarkup(rows) if rows else None,
    }


def _escaped(subject: str, parse_mode: str | None) -> str:
    """The subject as plain text inside a text of this parse mode."""
    if parse_mode == "HTML":
        return html.escape(subject, quote=False)
    if parse_mode is not None:
        return escape_markdown(subject, version=2 if parse_mode == "MarkdownV2" else 1)
    return subject

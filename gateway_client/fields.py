"""What a notification may have, by the names that the API has for it (docs/api.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict


class Email(TypedDict, total=False):
    """What only an email has."""

    from_name: str
    reply_to: str
    cc: Sequence[str]
    bcc: Sequence[str]
    headers: Mapping[str, str]


class Button(TypedDict):
    """One inline button under a Telegram message; it opens a URL."""

    text: str
    url: str


class LinkPreview(TypedDict, total=False):
    """How Telegram previews a link in the text."""

    is_disabled: bool
    url: str
    prefer_small_media: bool
    prefer_large_media: bool
    show_above_text: bool


class Telegram(TypedDict, total=False):
    """What only a Telegram message has."""

    parse_mode: Literal["HTML", "MarkdownV2", "Markdown"]
    disable_notification: bool
    message_thread_id: int
    protect_content: bool
    link_preview: LinkPreview
    buttons: Sequence[Sequence[Button]]
    on_unknown: Literal["resend", "fail"]


class Vk(TypedDict, total=False):
    """What only a VK message has."""

    keyboard: Mapping[str, Any]
    dont_parse_links: bool


class Webhook(TypedDict, total=False):
    """What only a webhook has."""

    data: Mapping[str, Any]


class Fields(TypedDict, total=False):
    """Content and options of a notification."""

    strategy: Literal["all"]
    subject: str | None
    text: str | None
    html: str | None
    email: Email | None
    telegram: Telegram | None
    vk: Vk | None
    webhook: Webhook | None
    callback_url: str | None
    callback_events: Sequence[str] | None
    priority: Literal["high", "normal", "bulk"]
    expires_in_s: int | None
    tags: Sequence[str]
    metadata: Mapping[str, Any]


class Filters(TypedDict, total=False):
    """Which notifications are listed: all of them must hold. limit: how many a page has."""

    status: str
    channel: str
    code: str
    to: str
    tag: str
    word: str
    accepted_after: datetime
    accepted_before: datetime
    test: bool
    limit: int

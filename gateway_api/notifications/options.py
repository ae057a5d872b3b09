"""What a client may say of one channel only; what travels on is in `common.envelope`."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

# The C0 controls, DEL, and what Python's email package takes for a line break.
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def _without_controls(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters and line breaks are not allowed here")
    return text


OneLine = Annotated[str, AfterValidator(_without_controls)]
"""Text that may become a header: no CR, LF, NUL or other control character."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmailOptions(_Options):
    """What only an email has. `headers` come from the allow-list of the ingress."""

    from_name: OneLine | None = Field(
        None, max_length=128, description="display name of the sender"
    )
    reply_to: OneLine | None = Field(None, max_length=320)
    cc: list[OneLine] = Field([], max_length=50)
    bcc: list[OneLine] = Field([], max_length=50)
    headers: dict[OneLine, OneLine] = Field({}, max_length=20)


class Button(_Options):
    """One inline button under a Telegram message; it opens a URL."""

    text: OneLine = Field(min_length=1, max_length=64)
    url: OneLine = Field(min_length=1, max_length=2048, pattern=r"^(https?|tg)://")


class LinkPreview(_Options):
    """How Telegram previews a link in the text (Bot API `LinkPreviewOptions`)."""

    is_disabled: bool = False
    url: OneLine | None = Field(None, max_length=2048)
    prefer_small_media: bool = False
    prefer_large_media: bool = False
    show_above_text: bool = False


class TelegramOptions(_Options):
    """What only a Telegram message has, in the Bot API's words."""

    parse_mode: Literal["HTML", "MarkdownV2", "Markdown"] | None = None
    disable_notification: bool = False
    message_thread_id: int | None = Field(None, ge=1, le=2**53)
    protect_content: bool = False
    link_preview: LinkPreview | None = None
    buttons: list[Annotated[list[Button], Field(max_length=100)]] = Field(
        [],
        max_length=100,
        description="rows of 1 to 8 inline buttons, at most 100 in all",
    )
    on_unknown: Literal["resend", "fail"] = Field(
        "resend",
        description="when it cannot be known whether Telegram took the message: "
        "send again (perhaps twice) or fail (perhaps never)",
    )


class VkOptions(_Options):
    """What only a VK message has, in the VK API's words."""

    keyboard: dict[str, JsonValue] | None = Field(None, description="VK keyboard object")
    dont_parse_links: bool = False


class WebhookOptions(_Options):
    """What only a webhook has."""

    data: dict[str, JsonValue] | None = Field(
        None, description="any JSON object of at most 65,536 bytes, for the receiver's program"
    )

"""What a client may write in `POST /v1/notifications`."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
)

from common.channels import Priority
from common.recipients import normalise_webhook
from common.webhooks.events import check_choice
from gateway_api.notifications.options import (
    EmailOptions,
    OneLine,
    TelegramOptions,
    VkOptions,
    WebhookOptions,
)

MAX_RECIPIENTS = 100
MAX_EXPIRES_IN_S = 2_592_000
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control characters that no text may have: all but tab and line breaks."""


def _without_controls(text: str) -> str:
    if CONTROLS.search(text):  # a text may have a million characters, and others wait meanwhile
        raise ValueError("control characters other than tab and line breaks are not allowed")
    return text


Text = Annotated[str, AfterValidator(_without_controls)]
"""Free text of any length."""


def _one_or_many(value: Any) -> str:
    return "one" if isinstance(value, str) else "many"


# Fail fast: a body full of wrong entries must not become a million faults.
Recipients = Annotated[
    Annotated[
        list[str],
        Field(min_length=1, max_length=MAX_RECIPIENTS, fail_fast=True, title="Several recipients"),
        Tag("many"),
    ]
    | Annotated[str, Field(title="One recipient"), Tag("one")],
    Discriminator(_one_or_many),
]
UNION_TAGS = frozenset({"one", "many"})
"""Words that pydantic puts into the location of a fault in `to`; no part of the document."""

Tags = Annotated[
    list[Annotated[OneLine, Field(min_length=1, max_length=64)]],
    Field(max_length=20, fail_fast=True),
]


CallbackUrl = Annotated[str, AfterValidator(normalise_webhook)]
CallbackEvents = Annotated[
    list[Annotated[str, AfterValidator(check_choice)]],
    Field(min_length=1, max_length=20, fail_fast=True),
]


class NotificationRequest(BaseModel):
    """Content and one or more recipients; each recipient becomes one delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    to: Recipients
    """Recipients, `channel:address` each: `email:ada@example.com`, `telegram:42`,
    `telegram:@news`, `vk:123`, `webhook:https://shop.example.com/hooks`. A list of 1 to 100, or a
    single string."""

    strategy: Literal["all"] = "all"
    """`all`: everyone is sent to."""

    subject: Annotated[OneLine, Field(max_length=998)] | None = None
    """One line. An email needs it; Telegram and VK messages begin with it, if given."""

    text: Text | None = None
    """Plain text (for Telegram marked up as `telegram.parse_mode` says). VK needs it."""

    html: Text | None = None
    """HTML body of an email; sent to Telegram when there is no `text`."""

    email: EmailOptions | None = None
    """What only an email has; there must be an email recipient."""

    telegram: TelegramOptions | None = None
    """What only a Telegram message has; there must be a Telegram recipient."""

    vk: VkOptions | None = None
    """What only a VK message has; there must be a VK recipient."""

    webhook: WebhookOptions | None = None
    """What only a webhook has; there must be a webhook recipient."""

    callback_url: CallbackUrl | None = None
    """Who is called back about what becomes of it: a URL as of a webhook."""

    callback_events: CallbackEvents | None = None
    """Which events `callback_url` is told, such as `["delivery.failed", "notification.*"]`; if not
    given, `delivery.sent`, `delivery.failed`, `delivery.expired` and `notification.completed`."""

    priority: Priority = Priority.NORMAL
    """Each priority has queues and senders of its own."""

    expires_in_s: Annotated[int, Field(ge=1, le=MAX_EXPIRES_IN_S)] | None = None
    """Seconds (at most 30 days) after which it is not worth sending, and expires. Without it the
    gateway gives up after `GATEWAY_EXPIRES_IN_S`, with a dead letter."""

    tags: Annotated[Tags, Field(default_factory=list, json_schema_extra={"default": []})]
    """At most 20 words of at most 64 characters, for finding notifications again."""

    metadata: Annotated[
        dict[str, JsonValue], Field(default_factory=dict, json_schema_extra={"default": {}})
    ]
    """Any JSON object of at most 4096 bytes; kept with the notification, and sent to webhooks
    alone."""

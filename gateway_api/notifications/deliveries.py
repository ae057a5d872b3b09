"""From a valid notification to its deliveries: built once, then immutable."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from common.channels import Channel
from common.envelope import (
    TEST_VERSION,
    WIRE_VERSION,
    CopyOf,
    Delivery,
    Origin,
    WireCallback,
    WireEmail,
    WireModel,
    WireTelegram,
    WireVk,
    WireWebhook,
)
from common.http.problems import Problem
from common.recipients import Recipient
from gateway_api.notifications.request import NotificationRequest
from gateway_api.notifications.validation import ValidNotification

_FIRST_VERSIONS: Final = WireWebhook().secret_versions
_BODIES_TOGETHER: Final = 8
_LEAST_LIMIT_BYTES: Final = _BODIES_TOGETHER * 1024 * 1024


def build_deliveries(
    notification: ValidNotification,
    notification_id: UUID,
    accepted_at: datetime,
    default_expires_in_s: int,
    *,
    owner: str | None = None,
    origin: Origin | None = None,
    request_id: str | None = None,
    is_test: bool = False,
    secret_versions: Sequence[int] = (1,),
) -> list[Delivery]:
    """One delivery per recipient and per copy, numbered from 1: recipients, cc, bcc.

    secret_versions: of the owner's secret, which sign webhooks.

    Their ids are the notification's and that number: who repeats a notification under its id gives
    each delivery its id again.
    """
    request = notification.request
    expires_in_s = request.expires_in_s or default_expires_in_s
    common: dict[str, Any] = {
        "v": TEST_VERSION if is_test else WIRE_VERSION,
        "notification_id": notification_id,
        "priority": request.priority,
        "accepted_at": accepted_at,
        "expires_at": accepted_at + timedelta(seconds=expires_in_s),
        "owner": owner,
        "origin": origin,
        "request_id": request_id,
        "of": len(notification.recipients) + len(notification.copies),
        "may_expire": request.expires_in_s is not None,
        "subject": request.subject,
        "callback": _callback(request),
        "tags": request.tags,
        "metadata": request.metadata,
    }
    channels = {recipient.channel for recipient in notification.recipients}
    contents = {channel: common | _content(notification, channel) for channel in channels}
    if Channel.WEBHOOK in contents and [*secret_versions] != _FIRST_VERSIONS:
        webhook = contents[Channel.WEBHOOK]["webhook"] or WireWebhook()
        versions = {"secret_versions": [*secret_versions]}
        contents[Channel.WEBHOOK]["webhook"] = webhook.model_copy(update=versions)
    name = str(notification_id)
    deliveries = [
        _delivery(f"{name}-{number}", recipient, contents[recipient.channel])
        for number, recipient in enumerate(notification.recipients, start=1)
    ]
    if not notification.copies:
        return deliveries
    primary = next(one for one in deliveries if one.channel is Channel.EMAIL)
    original = CopyOf(delivery_id=primary.id, address=primary.address)
    content = contents[Channel.EMAIL] | {"copy_of": original}
    first = len(deliveries) + 1
    return deliveries + [
        _delivery(f"{name}-{number}", recipient, content)
        for number, recipient in enumerate(notification.copies, start=first)
    ]


def encode_deliveries(deliveries: Sequence[Delivery], max_body_bytes: int) -> list[bytes]:
    """The bytes of each delivery, together at most 8 times the limit of a body or 8 MiB.

    Each recipient has a copy of the content: without a bound one request of 1 MiB would be 100 MiB
    to write, while all others wait, and to store. Raises Problem at the first one beyond.
    """
    limit_bytes = max(_BODIES_TOGETHER * max_body_bytes, _LEAST_LIMIT_BYTES)
    bodies: list[bytes] = []
    total_bytes = 0
    for delivery in deliveries:
        bodies.append(delivery.encode())
        total_bytes += len(bodies[-1])
        if total_bytes > limit_bytes:
            raise Problem(
                "deliveries_too_large",
                f"{len(deliveries)} deliveries with this content are more than {limit_bytes} bytes "
                "together; send it to fewer recipients at a time",
            )
    return bodies


def _delivery(identifier: str, recipient: Recipient, content: dict[str, Any]) -> Delivery:
    return Delivery(id=identifier, channel=recipient.channel, address=recipient.address, **content)


def _callback(request: NotificationRequest) -> WireCallback | None:
    if request.callback_url is None:
        return None
    return WireCallback(url=request.callback_url, events=request.callback_events or [])


def _content(notification: ValidNotification, channel: Channel) -> dict[str, Any]:
    """What this channel sends, and no more: the body is copied for every recipient."""
    request = notification.request
    match channel:
        case Channel.EMAIL:
            email = _wire(WireEmail, notification.email)
            return {"text": request.text, "html": request.html, "email": email}
        case Channel.TELEGRAM:
            has_text = bool(request.text and not request.text.isspace())
            return {
                "text": request.text if has_text else None,
                "html": None if has_text else request.html,
                "telegram": _wire(WireTelegram, request.telegram),
            }
        case Channel.VK:
            return {"text": request.text, "vk": _wire(WireVk, request.vk)}
        case Channel.WEBHOOK:
            webhook = _wire(WireWebhook, request.webhook)
            return {"text": request.text, "html": request.html, "webhook": webhook}


def _wire(model: type[WireModel], options: BaseModel | None) -> WireModel | None:
    """A channel's options as they travel."""
    return None if options is None else model.model_validate(options.model_dump())

"""What was accepted once, made a new notification: checked and built as the API does it."""

from typing import Any, Final
from uuid import UUID

from pydantic import JsonValue

from common.channels import Channel
from common.envelope import Delivery, Origin
from common.http.problems import FieldFault
from common.http.validation import invalid_request
from common.settings import Settings
from common.times import utc_now
from gateway_api.notifications.deliveries import build_deliveries
from gateway_api.notifications.validation import ValidNotification, validate_notification

_OURS: Final = {"email": {"cc", "bcc"}, "webhook": {"id", "body", "secret_versions"}}
"""Options that no client writes, or that made deliveries of their own."""


def checked(settings: Settings, body: bytes) -> ValidNotification:
    """What a request says, by the rules of the API that has these settings. Raises Problem."""
    return validate_notification(
        body,
        settings.email_extra_headers or frozenset(),
        may_be_plain=settings.callback_allow_networks is not None,
    )


def built_anew(
    settings: Settings,
    notification: ValidNotification,
    new_id: UUID,
    before: Delivery | None,
    origin: Origin,
) -> list[Delivery]:
    """Its deliveries, with the owner and the rights of the one before where that can be read."""
    return build_deliveries(
        notification,
        new_id,
        utc_now(),
        settings.expires_in_s,
        owner=before.owner if before else None,
        origin=origin,
        is_test=before.is_test if before else False,
        secret_versions=before.webhook.secret_versions if before and before.webhook else [1],
    )


def request_of(delivery: Delivery, address: str) -> dict[str, JsonValue]:
    """The request that would send what a delivery says to this address of its channel, once more.

    Raises Problem for what was no request of anybody's.
    """
    if delivery.webhook and delivery.webhook.body:
        raise invalid_request([FieldFault("", "a callback is no notification of anybody's")])
    channel = delivery.channel
    draft: dict[str, Any] = {
        "to": f"{channel}:{address}",
        "priority": delivery.priority.value,
        "subject": delivery.subject,
        "text": delivery.text,
        "html": delivery.html,
        channel.value: _options(delivery, channel),
        "callback_url": delivery.callback.url if delivery.callback else None,
        "callback_events": (delivery.callback.events if delivery.callback else None) or None,
        "tags": delivery.tags or None,
        "metadata": delivery.metadata or None,
    }
    return {name: value for name, value in draft.items() if value is not None}


def _options(delivery: Delivery, channel: Channel) -> dict[str, Any] | None:
    options = getattr(delivery, channel.value)
    if options is None:
        return None
    shown: dict[str, Any] = options.model_dump(mode="json", exclude_defaults=True)
    for name in _OURS.get(channel.value, ()):
        shown.pop(name, None)
    return shown or None

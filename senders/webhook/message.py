"""What a webhook says: a notification as JSON, the same bytes at every attempt."""

import re
from datetime import UTC, datetime
from typing import Final

from pydantic_core import to_json

from common.envelope import Delivery, WireWebhook

TYPE: Final = "notification"
_TELLABLE: Final = re.compile(r"[0-9A-Za-z_-]{1,200}")  # no dot: it parts what is signed


class UnsendableError(Exception):
    """The delivery says something that no webhook can say."""


def write_body(delivery: Delivery) -> bytes:
    """The body of the request: what the delivery brings itself, or its notification."""
    options = delivery.webhook or WireWebhook()
    if options.body is not None:
        return options.body.encode()
    return to_json(
        {
            "type": TYPE,
            "id": str(delivery.notification_id),
            "delivery_id": delivery.id,
            "sent_at": _shown(delivery.accepted_at),
            "subject": delivery.subject,
            "text": delivery.text,
            "html": delivery.html,
            "data": options.data,
            "tags": delivery.tags,
            "metadata": delivery.metadata,
        }
    )


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_id(delivery: Delivery) -> str:
    """What the receiver knows a repetition by. Raises UnsendableError."""
    chosen = (delivery.webhook and delivery.webhook.id) or delivery.id
    if not _TELLABLE.fullmatch(chosen):
        raise UnsendableError("its id is not one of letters, digits, _ and -")
    return chosen

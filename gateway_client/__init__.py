"""A message gateway's client: send, ask, wait, follow, and verify what calls back."""

from gateway_client.async_client import AsyncGateway
from gateway_client.callbacks import Callback, verify
from gateway_client.client import Gateway
from gateway_client.errors import (
    CallbackRefused,
    Fault,
    GatewayError,
    NotCompleteYet,
    NotFresh,
    NotSigned,
    UnexpectedAnswer,
    Unreachable,
    WrongSignature,
)
from gateway_client.models import (
    COMPLETE,
    ENDED,
    Accepted,
    AcceptedDelivery,
    Attempt,
    DeadLetter,
    Delivery,
    Event,
    LiveToken,
    NotAccepted,
    Notification,
    Reset,
)
from gateway_client.problems import (
    InvalidRequest,
    NotAllowed,
    NotFound,
    PartlyAccepted,
    Refused,
    TooMany,
    Unavailable,
)

__all__ = [
    "COMPLETE",
    "ENDED",
    "Accepted",
    "AcceptedDelivery",
    "AsyncGateway",
    "Attempt",
    "Callback",
    "CallbackRefused",
    "DeadLetter",
    "Delivery",
    "Event",
    "Fault",
    "Gateway",
    "GatewayError",
    "InvalidRequest",
    "LiveToken",
    "NotAccepted",
    "NotAllowed",
    "NotCompleteYet",
    "NotFound",
    "NotFresh",
    "NotSigned",
    "Notification",
    "PartlyAccepted",
    "Refused",
    "Reset",
    "TooMany",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "WrongSignature",
    "verify",
]

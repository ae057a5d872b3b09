"""What can go wrong, as one tree of exceptions; each text says what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway_client.models import Notification


class GatewayError(Exception):
    """Everything that this package raises for what a gateway did, or did not do.

    code, status, detail and errors are those of the gateway's answer, where there was one.
    """

    code: str | None = None
    status: int | None = None
    detail: str | None = None
    errors: "Sequence[Fault]" = ()


class Unreachable(GatewayError):
    """No answer came, or none in time (is_late).

    may_have_arrived: the gateway may have done what it was asked for.
    """

    def __init__(self, sentence: str, *, may_have_arrived: bool, is_late: bool = False) -> None:
        super().__init__(sentence)
        self.may_have_arrived = may_have_arrived
        self.is_late = is_late


class UnexpectedAnswer(GatewayError):
    """What answered does not speak as the gateway's API does."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class NotCompleteYet(GatewayError, TimeoutError):
    """Something of the notification is still under way; the gateway goes on with it."""

    def __init__(self, sentence: str, notification: "Notification") -> None:
        super().__init__(sentence)
        self.notification = notification


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request; path: where in it, as a JSON Pointer."""

    path: str
    message: str


class CallbackRefused(GatewayError):
    """What came as a callback of the gateway does not prove that it is one: answer it with 400."""


class NotSigned(CallbackRefused):
    """A header of the signature is missing, or is no such header."""


class NotFresh(CallbackRefused):
    """It was signed too long ago, or in the future: somebody may be repeating it."""


class WrongSignature(CallbackRefused):
    """None of the secrets signs it as it was signed."""

"""The protocol a channel implements, and what the runtime needs to know about its limits."""

from dataclasses import dataclass
from typing import Protocol

from common.channels import Channel
from common.envelope import Delivery
from common.settings import Rate
from senders.outcome import Reply


class Transmitter(Protocol):
    """Sends one delivery at a time; every lane has one of its own (a kept connection, say)."""

    async def send(self, delivery: Delivery) -> Reply:
        """Make one attempt. `delivery.address` is where it goes, also after a move.

        A provider's failures come back as outcomes; an exception out of here is a bug of ours.
        Cancellation may come at any await and must leave the transmitter usable or closed.
        """
        ...

    async def close(self) -> None:
        """Release the connection; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a delivery counts against beside the account: its recipient's rate, and its domain."""

    recipient: Rate | None = None
    domain: str | None = None


class Provider(Protocol):
    """One way to send: made once per sender process from the settings."""

    name: Channel
    rate: Rate | None
    """Most sends of the account, per sender process."""

    @property
    def repeat_safe_s(self) -> float | None:
        """For how long the provider knows a repetition of a message as one; None where it never
        does, and what may have been taken is sent again all the same."""
        ...

    def transmitter(self) -> Transmitter:
        """A new transmitter, not yet connected."""
        ...

    def limits(self, delivery: Delivery) -> Limits:
        """The rates and the domain that hold for this delivery."""
        ...

    async def close(self) -> None:
        """Release what the transmitters share; called after all of them are closed."""
        ...

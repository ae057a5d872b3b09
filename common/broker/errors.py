"""What can go wrong between us and the broker: aio-pika's many exceptions as a few of ours."""

import asyncio
import contextlib
from collections.abc import Iterator

from aio_pika import exceptions as vendor

from common.errors import GatewayError


class PublishError(GatewayError):
    """A publish was not confirmed; `may_have_arrived`: the message may be there all the same."""

    may_have_arrived = False


class NotConnected(PublishError):
    """There is no connection to the broker now; the message was certainly not sent."""


class Blocked(PublishError):
    """The broker has a memory or disk alarm and takes nothing; what was written it takes later."""

    def __init__(self, text: str, *, may_have_arrived: bool) -> None:
        super().__init__(text)
        self.may_have_arrived = may_have_arrived


class Forbidden(PublishError):
    """The broker user has no right to publish to the exchange."""


class Nacked(PublishError):
    """The broker refused the message."""


class Returned(PublishError):
    """No queue is bound to the key, or the exchange is missing: the topology is broken."""


class Unconfirmed(PublishError):
    """No confirm in time, or the connection broke while waiting."""

    may_have_arrived = True


class GivenBack(GatewayError):
    """Raised by a lane's handler that has not begun: the message goes back to its queue."""


class ChannelLost(GatewayError):
    """The channel of a received message is gone; the broker delivers the message again."""


@contextlib.contextmanager
def losses(
    error_class: type[GatewayError] | None, sentence: str, *, keep: bool = False
) -> Iterator[None]:
    """Turn every way in which the vendor reports a lost channel or connection into one of ours.

    aiormq rejects pending futures with CancelledError when a connection goes; only a cancellation
    that somebody asked of this task passes as one. error_class None swallows the loss; keep passes
    the vendor's own exceptions on.
    """
    try:
        yield
    except GatewayError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        if error_class is not None:
            raise error_class(sentence) from error
    except (*vendor.CONNECTION_EXCEPTIONS, TimeoutError) as error:
        if keep:
            raise
        if error_class is not None:
            raise error_class(f"{sentence}: {error}".rstrip(": ")) from error

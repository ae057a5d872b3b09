"""Confirmed publishes: a message is written once, and then waited for."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final
from weakref import WeakValueDictionary

from aio_pika import exceptions as vendor
from aio_pika.abc import AbstractChannel
from aiormq import spec
from aiormq.exceptions import ChannelAccessRefused

from common.broker.connection import Broker
from common.broker.errors import (
    Blocked,
    Forbidden,
    Nacked,
    NotConnected,
    Returned,
    Unconfirmed,
    losses,
)
from common.broker.retired import Retired

_PERSISTENT: Final = 2


class Publisher:
    """Publishes on a kept connection, through a channel of its own for each exchange.

    The broker answers a publish to an exchange that is missing or forbidden by closing the channel,
    and with it the confirms of everything else in flight there. So no two exchanges share one.

    faults: of each exchange that refuses what is published to it, why; until it takes something.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._channels: dict[str, AbstractChannel] = {}
        self._opening = asyncio.Lock()
        self._by_id: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._retired: defaultdict[str, Retired] = defaultdict(Retired)
        self.faults: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether a publish would be taken now, as far as is known."""
        return self._broker.is_connected and not self._broker.is_blocked

    async def opened(self) -> None:
        """Wait until a publish would be taken."""
        while not self.is_open:  # noqa: ASYNC110 - the client library tells of no such moment
            await asyncio.sleep(0.1)

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        message_id: str,
        headers: Mapping[str, int | str] | None = None,
        mandatory: bool = True,
        timeout_s: float | None = None,
    ) -> None:
        """Publish a persistent message and return after the broker's confirm.

        Nothing is written to a broker that is known to be blocked. timeout_s bounds the whole call;
        without it a message that was written is waited for as long as its channel lives, which is
        how to make sure that it is there once. Raises a PublishError: NotConnected, Blocked,
        Forbidden, Nacked, Returned (mandatory, or no such exchange) or Unconfirmed.
        """
        self._expect_unblocked()
        properties = _properties(message_id, headers or {})
        try:
            async with asyncio.timeout(timeout_s), self._alone(message_id):
                with losses(NotConnected, "the connection to the broker broke before the publish"):
                    channel = await self._channel(exchange)
                    underlay = await channel.get_underlay_channel()
                self._expect_unblocked()
                with (
                    losses(Unconfirmed, "the connection to the broker broke before the confirm"),
                    _refusals(exchange, routing_key),
                ):
                    await underlay.basic_publish(
                        body,
                        exchange=exchange,
                        routing_key=routing_key,
                        properties=properties,
                        mandatory=mandatory,
                    )
                self.faults.pop(exchange, None)
        except (Returned, Forbidden) as error:
            self.faults[exchange] = str(error)
            raise
        except Nacked:
            if channel is self._channels.get(exchange) and await self._retired[exchange].add(
                channel
            ):
                self._channels.pop(exchange, None)
            raise
        except TimeoutError:
            if self._broker.is_blocked:
                sentence = "the broker has an alarm (memory or disk)"
                raise Blocked(sentence, may_have_arrived=True) from None
            raise Unconfirmed(f"the broker did not confirm within {timeout_s:g} s") from None

    def _expect_unblocked(self) -> None:
        if self._broker.is_blocked:
            raise Blocked(
                "the broker has an alarm (memory or disk) and takes no messages",
                may_have_arrived=False,
            )

    def _alone(self, message_id: str) -> asyncio.Lock:
        """One publish of a message id at a time: aiormq tells returned messages apart by it."""
        lock = self._by_id.get(message_id)
        if lock is None:
            lock = self._by_id[message_id] = asyncio.Lock()
        return lock

    async def _channel(self, exchange: str) -> AbstractChannel:
        channel = self._channels.get(exchange)
        if channel is not None and not channel.is_closed:
            return channel
        async with self._opening:
            channel = self._channels.get(exchange)
            if channel is None or channel.is_closed:
                channel = self._channels[exchange] = await self._broker.open_channel()
            return channel


def _properties(message_id: str, headers: Mapping[str, int | str]) -> spec.Basic.Properties:
    # Not aio_pika.Message: it sets priority 0, which RabbitMQ 4.3 ranks below an unset one.
    return spec.Basic.Properties(
        headers=dict(headers),
        content_type="application/json",
        delivery_mode=_PERSISTENT,
        message_id=message_id,
        app_id="gateway",
    )


@contextlib.contextmanager
def _refusals(exchange: str, routing_key: str) -> Iterator[None]:
    """Turn what the broker answers to a publish into an error of ours."""
    try:
        yield
    except vendor.PublishError as error:
        raise Returned(f"no queue takes {routing_key!r} of {exchange!r}") from error
    except vendor.DeliveryError as error:
        raise Nacked(f"the broker refused a message for {routing_key!r}") from error
    except vendor.ChannelNotFoundEntity as error:
        raise Returned(f"the broker has no exchange {exchange!r}") from error
    except ChannelAccessRefused as error:
        sentence = f"this broker user may not publish to the exchange {exchange!r}"
        raise Forbidden(sentence) from error

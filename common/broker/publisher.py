"""Confirmed publishes: a message is written once, and then waited for."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from common.broker.confirms import Confirms
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

_BROKEN: Final = "the connection to the broker broke before the publish"
_SAME_AGAIN_S: Final = 0.01
_NO_HEADERS: Final[Mapping[str, int | str]] = MappingProxyType({})
_UNBOUND: Final = contextlib.nullcontext()


class Publisher:
    """Publishes on a kept connection, through a channel of its own for each exchange.

    The broker answers a publish to an exchange that is missing or forbidden by closing the channel,
    and with it the confirms of everything else in flight there. So no two exchanges share one.

    faults: of each exchange that refuses what is published to it, why; until it takes something.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._channels: dict[str, Confirms] = {}
        self._opening = asyncio.Lock()
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
        expires_ms: int | None = None,
    ) -> None:
        """Publish a persistent message and return after the broker's confirm.

        Nothing is written to a broker that is known to be blocked. timeout_s bounds the whole call;
        without it a message that was written is waited for as long as its channel lives, which is
        how to make sure that it is there once. expires_ms: of a message that is of no use later,
        and is not persistent. Raises a PublishError: NotConnected, Blocked, Forbidden, Nacked,
        Returned (mandatory, or no such exchange) or Unconfirmed.
        """
        self._expect_unblocked()
        channel: Confirms | None = None
        try:
            async with _within(timeout_s):
                channel = await self._channel(exchange, message_id)
                self._expect_unblocked()
                await channel.publish(
                    routing_key,
                    body,
                    message_id=message_id,
                    headers=headers or _NO_HEADERS,
                    mandatory=mandatory,
                    expires_ms=expires_ms,
                )
            self.faults.pop(exchange, None)
        except (Returned, Forbidden) as error:
            self.faults[exchange] = str(error)
            raise
        except Nacked:
            await self._retire(exchange, channel)
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

    async def _retire(self, exchange: str, channel: Confirms | None) -> None:
        """Publish no more on a channel that the broker has refused something on."""
        if channel is None or channel is not self._channels.get(exchange):
            return
        if await self._retired[exchange].add(channel):
            self._channels.pop(exchange, None)

    async def _channel(self, exchange: str, message_id: str) -> Confirms:
        """The exchange's channel, when it may be written to. Raises NotConnected.

        One publish of a message id at a time, also after somebody gave up waiting for the first:
        a message that comes back is known by its id alone.
        """
        has_waited = False
        while True:
            channel = self._channels.get(exchange)
            if channel is None or channel.is_closed:
                channel = await self._opened(exchange)
            elif channel.awaits(message_id):
                await asyncio.sleep(_SAME_AGAIN_S)
            elif channel.wire.is_full and not has_waited:
                has_waited = True  # once: TLS counts as full what it has room for
                with losses(NotConnected, _BROKEN):
                    await channel.wire.drained()
            else:
                return channel

    async def _opened(self, exchange: str) -> Confirms:
        async with self._opening:
            channel = self._channels.get(exchange)
            if channel is None or channel.is_closed:
                with losses(NotConnected, _BROKEN):
                    opened = await self._broker.open_channel()
                channel = self._channels[exchange] = Confirms(opened, exchange)
            return channel


def _within(timeout_s: float | None) -> contextlib.AbstractAsyncContextManager[object]:
    """A time-out, which is not free, where there is one."""
    return _UNBOUND if timeout_s is None else asyncio.timeout(timeout_s)

"""Whether the broker has an alarm that it has not told of: it tells only whoever publishes."""

import asyncio
from uuid import uuid4

from broker_topology.topology import RETRY
from common.broker.connection import Broker
from common.broker.errors import Forbidden, Nacked, PublishError, Returned
from common.broker.publisher import Publisher

NOBODY = "nobody"  # a routing key of no queue: the broker drops the message and confirms it
TRY_AGAIN_S = 0.2


class AlarmGate:
    """A gate that opens when the broker has taken messages on this very connection.

    Without it a sender that is started in an alarm, or connects again in one, would attempt one
    delivery per lane before it knows that what comes of it cannot be kept.
    """

    def __init__(self, broker: Broker, publisher: Publisher) -> None:
        self._broker = broker
        self._publisher = publisher
        self._proven: int | None = None  # the connection, as a number of reconnects

    @property
    def is_open(self) -> bool:
        """Whether something was taken since the last reconnect."""
        return self._proven == self._broker.reconnects

    async def opened(self) -> None:
        """Wait until it is open; in an alarm that lasts until its end."""
        while not self.is_open:  # noqa: ASYNC110 - the connection may be lost meanwhile
            await asyncio.sleep(0.05)

    async def run(self) -> None:
        """Have messages taken after every reconnect, until cancelled."""
        while True:
            if not self.is_open:
                await self._ask()
            await asyncio.sleep(0.05)

    async def _ask(self) -> None:
        connection = self._broker.reconnects
        try:
            for _ in range(2):  # in an alarm the broker takes the first, tells, and reads no more
                await self._publisher.publish(
                    RETRY, NOBODY, b"", message_id=str(uuid4()), mandatory=False
                )
        except (Returned, Forbidden, Nacked):
            self._proven = connection  # it answers, and that is all that was asked
        except PublishError:
            await asyncio.sleep(TRY_AGAIN_S)
        else:
            self._proven = connection

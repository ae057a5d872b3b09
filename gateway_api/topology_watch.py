"""Whether the broker has every exchange and queue that accepted deliveries need.

`mandatory` alone cannot tell that a channel's queue is missing as soon as something else is bound
to `notifications` too, so the API asks the broker itself and refuses sends meanwhile.
"""

import asyncio

from broker_topology import topology
from common.broker.connection import Broker
from common.broker.errors import NotConnected
from common.logs import get_logger

log = get_logger(__name__)

CHECK_TIMEOUT_S = 3.0
INTERVAL_S = 10.0
INTERVAL_IN_DOUBT_S = 1.0
_GLANCE_S = 0.1  # how soon a reconnect is noticed


class TopologyWatch:
    """Asks the broker every 10 s, every second while something is wrong, and on reconnects.

    missing: names the broker lacked when it last answered; None before the first answer.
    is_answering: whether it answered when it was last asked; a blocked broker does not.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._wanted = topology.build()
        self._answered = asyncio.Event()
        self._is_in_doubt = True
        self.missing: tuple[str, ...] | None = None
        self.is_answering = True

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._check()
            except Exception:
                log.exception("topology could not be checked")
            await self._pause()

    async def known(self, timeout_s: float) -> tuple[str, ...]:
        """What is missing. Raises TimeoutError without a first answer within `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            await self._answered.wait()
        return self.missing or ()

    def doubt(self) -> None:
        """Ask again within a second: a publish has failed."""
        self._is_in_doubt = True

    async def _check(self) -> None:
        self._is_in_doubt = True
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                found = await self._broker.missing(
                    exchanges=[exchange.name for exchange in self._wanted.exchanges],
                    queues=[queue.name for queue in self._wanted.queues],
                )
        except NotConnected:
            return  # the last answer stands; sends meet the connection's own error
        except TimeoutError:
            self.is_answering = False
            log.warning("broker does not answer", timeout_s=CHECK_TIMEOUT_S)
            return
        missing = tuple(found)
        if missing != self.missing:
            if missing:
                log.error("topology incomplete", missing=missing, remedy="gateway topology apply")
            else:
                log.info("topology complete")
        self.missing, self.is_answering = missing, True
        self._is_in_doubt = bool(missing)
        self._answered.set()

    async def _pause(self) -> None:
        clock = asyncio.get_running_loop().time
        began_at = clock()
        was_connected = self._broker.is_connected
        while clock() < began_at + (INTERVAL_IN_DOUBT_S if self._is_in_doubt else INTERVAL_S):
            await asyncio.sleep(_GLANCE_S)
            is_connected = self._broker.is_connected
            if is_connected and not was_connected:
                return
            was_connected = is_connected

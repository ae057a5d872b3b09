"""Whether the broker has every exchange and queue that accepted deliveries need.

`mandatory` alone cannot tell that a channel's queue is missing as soon as something else is bound
to `notifications` too, so the API asks the broker itself and refuses sends meanwhile.
"""

import asyncio
from collections.abc import Iterable

from broker_topology import topology
from common.broker.connection import Broker
from common.broker.errors import NotConnected
from common.logs import get_logger

log = get_logger(__name__)

ANSWER_TIMEOUT_S = 2.5  # a hung broker is noticed this long after the next question
INTERVAL_S = 10.0
PULSE_INTERVAL_S = 1.0
_GLANCE_S = 0.1  # how soon a reconnect is noticed


class TopologyWatch:
    """Asks the broker for everything every 10 s, every second while in doubt, and on reconnects.

    In between it asks every second for what a POST needs: whether the broker answers at all, and
    whether the queues of deliveries are there. Whatever is bound to `notifications` beside them
    (the journal's queue is) counts as a route: then no publish tells that one is missing.

    missing: names the broker lacked when it last answered; None before the first answer.
    is_answering: whether it answered when it was last asked; a blocked broker does not.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._wanted = topology.build()
        # Without it nothing can be cancelled; that stops no message.
        self._queues = [one.name for one in self._wanted.queues if one.name != topology.CANCELS]
        self._needed = [
            one.queue for one in self._wanted.bindings if one.exchange == topology.NOTIFICATIONS
        ]
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
        found = await self._ask(
            exchanges=[exchange.name for exchange in self._wanted.exchanges],
            queues=self._queues,
        )
        if found is None:
            return  # the last answer stands
        missing = tuple(found)
        if missing != self.missing:
            if missing:
                log.error("topology incomplete", missing=missing, remedy="gateway topology apply")
            else:
                log.info("topology complete")
        self.missing, self.is_answering = missing, True
        self._is_in_doubt = bool(missing)
        self._answered.set()

    async def _ask(self, exchanges: Iterable[str], queues: Iterable[str] = ()) -> list[str] | None:
        """Names among these that the broker lacks; None when it does not answer."""
        asking = asyncio.create_task(self._broker.missing(exchanges=exchanges, queues=queues))
        try:
            await asyncio.wait([asking], timeout=ANSWER_TIMEOUT_S)
            if not asking.done():
                # Told at once: taking the question back may take as long again.
                self.is_answering = False
                log.warning("broker does not answer", timeout_s=ANSWER_TIMEOUT_S)
                return None
            return asking.result()
        except NotConnected:
            return None  # sends meet the connection's own error
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.exception()  # looked at, or the event loop logs it

    async def _pause(self) -> None:
        """Wait until everything has to be asked for again."""
        clock = asyncio.get_running_loop().time
        began_at = pulse_at = clock()
        was_connected = self._broker.is_connected
        while clock() < began_at + (PULSE_INTERVAL_S if self._is_in_doubt else INTERVAL_S):
            await asyncio.sleep(_GLANCE_S)
            is_connected = self._broker.is_connected
            if is_connected and not was_connected:
                return
            was_connected = is_connected
            if is_connected and clock() >= pulse_at + PULSE_INTERVAL_S:
                pulse_at = clock()
                if await self._ask([topology.NOTIFICATIONS], self._needed) != []:
                    self._is_in_doubt = True

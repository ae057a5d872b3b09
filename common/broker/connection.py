"""A kept connection to the broker; this folder is the only user of aio-pika.

A plain connection and a reconnect loop of our own, not aio-pika's robust one: that replays no
pending publish, and a lost channel cancels running message callbacks, which could cut a provider
call in the middle. Here a lane is a task of ours; losing its channel costs it only the ack, and the
broker then delivers the message again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Self
from urllib.parse import urlsplit

import aio_pika
from aio_pika import exceptions as vendor
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from common.breakage import breakage
from common.broker.errors import NotConnected, losses
from common.broker.urls import addresses_of
from common.broker.wire import Wire, WireChannel
from common.logs import get_logger
from common.tls import check_tls_files, tls_context, tls_fault, without_tls_files
from common.watching import metrics

log = get_logger(__name__)

CONNECT_TIMEOUT_S = 10.0
# Of several nodes each gets less at first: one that swallows packets must not hold up the others.
NODE_TIMEOUT_S = 3.0
HEARTBEAT_S = 6
# The broker sends something every 6 s at least; one that is silent for longer is cut off or frozen.
SILENCE_S = 10.0
CLOSE_TIMEOUT_S = 2.0  # a broker with an alarm does not answer a blocked connection's close


class Broker:
    """One kept connection to RabbitMQ: `async with Broker(url, name="api") as broker`.

    url: that of a node, or of several, separated by commas: the last good one is tried first, then
    the others in random order. Entering starts connecting and does not wait for it; the connection
    is re-made with exponential back-off and jitter (0.1 s to 5 s) until the block is left. For
    `amqps://` the certificate files are those in the URL's query. Raises SettingsError when they
    cannot be used.
    """

    def __init__(self, url: str, *, name: str) -> None:
        check_tls_files(url)  # at once, not at every attempt
        self._addresses = addresses_of(url)
        self._name = name
        self._tls_fault: str | None = None
        self._connection: Wire | None = None
        self._untold: set[tuple[str, str]] = set()  # kind and name of what it may not ask for
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.reconnects = 0

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_connected(), name="amqp-keeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection at this moment, as far as is known."""
        return self._up.is_set()

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has told this connection `connection.blocked`: a memory or disk alarm.

        It tells a connection that publishes, and no other, with its first publish in the alarm.
        """
        return self._connection is not None and self._connection.is_blocked

    async def connected(self, timeout_s: float) -> None:
        """Wait for a connection. Raises NotConnected after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            if self._tls_fault:
                raise NotConnected(f"no connection to the broker: {self._tls_fault}") from None
            raise NotConnected(
                f"no connection to the broker within {timeout_s:g} s; "
                "check GATEWAY_AMQP_URL and that RabbitMQ runs"
            ) from None

    async def missing(self, *, exchanges: Iterable[str], queues: Iterable[str]) -> list[str]:
        """Names among these that the broker does not have. Raises NotConnected.

        Each is declared passively; the broker closes the channel at every miss. From RabbitMQ 4.2.6
        on it does not say of names that this user has no right to: they count as there, and are
        not asked for again on this connection.
        """
        absent = []
        wanted = [("exchange", name) for name in exchanges] + [("queue", name) for name in queues]
        wanted = [one for one in wanted if one not in self._untold]
        while wanted:
            async with self.channel() as channel:
                with losses(NotConnected, "the connection to the broker broke"):
                    try:
                        await _look_for(channel, wanted)
                    except vendor.ChannelNotFoundEntity:
                        absent.append(wanted.pop(0)[1])
                    except ChannelAccessRefused:
                        self._untold.add(wanted.pop(0))
        return absent

    async def open_channel(self) -> WireChannel:
        """A new channel that lives as long as the connection. Raises NotConnected."""
        connection = self._connection
        if connection is None:
            raise NotConnected("there is no connection to the broker now")
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, WireChannel)
        await channel.initialize()
        return channel

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[WireChannel]:
        """A channel of its own for consuming or asking. Raises NotConnected, or as losing it."""
        with losses(NotConnected, "the connection to the broker broke"):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                channel = await self.open_channel()
        try:
            yield channel
        finally:
            with losses(None, ""):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await channel.close()

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._hold_one_connection()
            except Exception:
                # Nobody awaits this task: without this line a bug would end it in silence.
                log.exception("broker connection failed unexpectedly; connecting again")
                await asyncio.sleep(1.0)
            self.reconnects += 1
            metrics.BROKER_RECONNECTS.inc()

    async def _hold_one_connection(self) -> None:
        url, connection, lost = await self._connect()
        self._connection = connection
        self._untold.clear()
        self._up.set()
        try:
            if await _lost_or_silent(connection, lost):
                self._addresses.failed(url)
                connection.cut()
                log.warning("broker silent; connecting again", silence_s=SILENCE_S)
            else:
                log.warning("broker connection lost")
        finally:
            self._up.clear()
            self._connection = None
            with losses(None, ""):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()
            connection.cut()  # nobody shall wait for an answer on it

    async def _connect(self) -> tuple[str, Wire, asyncio.Event]:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Exception)),
            wait=wait_random_exponential(multiplier=0.1, min=0.1, max=5.0),
            reraise=True,
        ):
            with attempt:
                url, connection = await self._connect_to_any(attempt.retry_state.attempt_number)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        if connection.transport is None or connection.transport.connection.is_closed:
            lost.set()
        log.info("broker connected", attempts=attempt.retry_state.attempt_number, node=_place(url))
        return url, connection, lost

    async def _connect_to_any(self, attempt: int) -> tuple[str, Wire]:
        """Try every node once. Raises what the last one did when none lets us in."""
        timeout_s = CONNECT_TIMEOUT_S
        if len(self._addresses) > 1:
            timeout_s = min(timeout_s, NODE_TIMEOUT_S * attempt)
        *others, last = self._addresses.order()
        for url in others:
            with contextlib.suppress(Exception):  # it is in the log; the next may do better
                return url, await self._connect_to(url, timeout_s, attempt)
        return last, await self._connect_to(last, timeout_s, attempt)

    async def _connect_to(self, url: str, timeout_s: float, attempt: int) -> Wire:
        try:
            # With a time-out of its own it may swallow that we are cancelled (Python 3.11).
            async with asyncio.timeout(timeout_s):
                with losses(NotConnected, "the broker hung up", keep=True):
                    connection = await aio_pika.connect(
                        without_tls_files(url),
                        ssl_context=tls_context(url),
                        heartbeat=HEARTBEAT_S,
                        client_properties={"connection_name": f"gateway {self._name}"},
                        connection_class=Wire,
                    )
        except Exception as error:
            self._addresses.failed(url)
            self._tls_fault = tls_fault(error, url)
            if attempt in (1, 5) or attempt % 20 == 0:
                log.warning(
                    "broker unreachable",
                    attempt=attempt,
                    node=_place(url),
                    error=type(error).__name__,
                    detail=self._tls_fault or breakage(error) or str(error),
                )
            raise
        self._addresses.worked(url)
        return connection


async def _lost_or_silent(connection: Wire, lost: asyncio.Event) -> bool:
    """Wait for the end of a connection; whether it is one that went without a word."""
    while not lost.is_set():
        if connection.silent_s > SILENCE_S:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await lost.wait()
    return False


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


async def _look_for(channel: AbstractChannel, wanted: list[tuple[str, str]]) -> None:
    """Take from `wanted` what is there; raises at the first that is not, which stays in it."""
    while wanted:
        kind, name = wanted[0]
        if kind == "exchange":
            await channel.get_exchange(name, ensure=True)
        else:
            await channel.get_queue(name, ensure=True)
        del wanted[0]

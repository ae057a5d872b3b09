"""A kept connection to the broker; this folder is the only user of aio-pika.

A plain connection and a reconnect loop of our own, not aio-pika's robust one: that replays no
pending publish, and a lost channel cancels running message callbacks, which could cut a provider
call in the middle. Here a lane is a task of ours; losing its channel costs it only the ack, and the
broker then delivers the message again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Self

import aio_pika
from aio_pika import exceptions as vendor
from aio_pika.abc import AbstractChannel, AbstractConnection
from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from common import telemetry
from common.broker.errors import NotConnected, losses
from common.logs import get_logger
from common.tls import tls_context, tls_fault, without_tls_files

log = get_logger(__name__)

CONNECT_TIMEOUT_S = 10.0
HEARTBEAT_S = 15
CLOSE_TIMEOUT_S = 2.0  # a broker with an alarm does not answer a blocked connection's close


class Broker:
    """One kept connection to RabbitMQ: `async with Broker(url, name="api") as broker`.

    Entering starts connecting and does not wait for it; the connection is re-made with
    exponential back-off and jitter (0.1 s to 5 s) until the block is left. For `amqps://` the
    certificate files are those in the URL's query. Raises SettingsError when they cannot be used.
    """

    def __init__(self, url: str, *, name: str) -> None:
        tls_context(url)  # files that cannot be used are told at once, not at every attempt
        self._url = url
        self._name = name
        self._tls_fault: str | None = None
        self._connection: AbstractConnection | None = None
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
        connection = self._connection
        transport = connection.transport if connection is not None else None
        return transport is not None and not _is_done_at_once(transport.ready())

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

        Each is declared passively; the broker closes the channel at every miss.
        """
        absent = []
        wanted = [("exchange", name) for name in exchanges] + [("queue", name) for name in queues]
        while wanted:
            async with self.channel() as channel:
                with losses(NotConnected, "the connection to the broker broke"):
                    if found_missing := await _first_missing(channel, wanted):
                        absent.append(found_missing)
        return absent

    async def open_channel(self) -> AbstractChannel:
        """A new channel that lives as long as the connection. Raises NotConnected."""
        connection = self._connection
        if connection is None:
            raise NotConnected("there is no connection to the broker now")
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.initialize()
        return channel

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
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
            telemetry.BROKER_RECONNECTS.inc()

    async def _hold_one_connection(self) -> None:
        connection, lost = await self._connect()
        self._connection = connection
        self._up.set()
        try:
            await lost.wait()
            log.warning("broker connection lost")
        finally:
            self._up.clear()
            self._connection = None
            with losses(None, ""):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()

    async def _connect(self) -> tuple[AbstractConnection, asyncio.Event]:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Exception)),
            wait=wait_random_exponential(multiplier=0.1, min=0.1, max=5.0),
            reraise=True,
        ):
            with attempt, losses(NotConnected, "the broker hung up", keep=True):
                connection = await self._connect_once(attempt.retry_state.attempt_number)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        if connection.transport is None or connection.transport.connection.is_closed:
            lost.set()
        log.info("broker connected", attempts=attempt.retry_state.attempt_number)
        return connection, lost

    async def _connect_once(self, attempt: int) -> AbstractConnection:
        try:
            return await aio_pika.connect(
                without_tls_files(self._url),
                ssl_context=tls_context(self._url),
                timeout=CONNECT_TIMEOUT_S,
                heartbeat=HEARTBEAT_S,
                client_properties={"connection_name": f"gateway {self._name}"},
            )
        except Exception as error:
            self._tls_fault = tls_fault(error, self._url)
            if attempt in (1, 5) or attempt % 20 == 0:
                log.warning(
                    "broker unreachable",
                    attempt=attempt,
                    error=type(error).__name__,
                    detail=self._tls_fault or str(error),
                )
            raise


async def _first_missing(channel: AbstractChannel, wanted: list[tuple[str, str]]) -> str | None:
    """Go through `wanted`, taking from it what was looked at, up to the first that is not there."""
    while wanted:
        kind, name = wanted.pop(0)
        try:
            if kind == "exchange":
                await channel.get_exchange(name, ensure=True)
            else:
                await channel.get_queue(name, ensure=True)
        except vendor.ChannelNotFoundEntity:
            return name
    return None


def _is_done_at_once(waiting: Awaitable[object]) -> bool:
    """Whether awaiting this would not wait: the client library has no other way to ask."""
    step = waiting.__await__()
    try:
        next(step)
    except StopIteration:
        return True
    step.close()
    return False

"""The broker client: a kept connection, confirmed publishes, and lanes. The only user of aio-pika.

A plain connection and a reconnect loop of our own, not aio-pika's robust one: that replays no
pending publish, and a lost channel cancels running message callbacks, which could cut a provider
call in the middle. Here a lane is a task of ours; losing its channel costs it only the ack, and the
broker then delivers the message again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Self
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aio_pika
from aio_pika import exceptions as vendor
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import spec
from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from common import telemetry
from common.broker.consumer import Consumer
from common.broker.errors import Blocked, Nacked, NotConnected, Returned, Unconfirmed, losses
from common.broker.retired import Retired
from common.broker.urls import addresses_of, split_urls
from common.broker.wire import Wire
from common.logs import get_logger
from common.tls import tls_context, tls_fault, without_tls_files

log = get_logger(__name__)

CONNECT_TIMEOUT_S = 10.0
# Of several nodes each gets less at first: one that swallows packets must not hold up the others.
NODE_TIMEOUT_S = 3.0
HEARTBEAT_S = 6
# The broker sends something every 6 s at least; one that is silent for longer is cut off or frozen.
SILENCE_S = 10.0
CLOSE_TIMEOUT_S = 2.0  # a broker with an alarm does not answer a blocked connection's close
_PERSISTENT = 2


class Broker:
    """One kept connection to RabbitMQ: `async with Broker(url, name="api") as broker`.

    url: that of a node, or of several, separated by commas: the last good one is tried first, then
    the others in random order. Entering starts connecting and does not wait for it; the connection
    is re-made with exponential back-off and jitter (0.1 s to 5 s) until the block is left. For
    `amqps://` the certificate files are those in the URL's query. Raises SettingsError when they
    cannot be used.
    """

    def __init__(self, url: str, *, name: str) -> None:
        for one in split_urls(url):
            tls_context(one)  # files that cannot be used are told at once, not at every attempt
        self._addresses = addresses_of(url)
        self._name = name
        self._tls_fault: str | None = None
        self._connection: AbstractConnection | None = None
        self._publisher: AbstractChannel | None = None
        self._publisher_lock = asyncio.Lock()
        self._publishing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._suspect_blocked = False
        self._retired = Retired()
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

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        message_id: str,
        headers: Mapping[str, int | str] | None = None,
        mandatory: bool = True,
        timeout_s: float,
    ) -> None:
        """Publish a persistent message and return after the broker's confirm.

        timeout_s bounds the whole call, opening a channel included. Raises a PublishError:
        NotConnected, Blocked, Nacked, Returned (mandatory only) or Unconfirmed.
        """
        connection = self._connection
        if connection is None:
            raise NotConnected("there is no connection to the broker now")
        if self._suspect_blocked and await self._is_blocked(connection):
            raise Blocked(
                "the broker has an alarm (memory or disk) and takes no messages",
                may_have_arrived=False,
            )
        # Not aio_pika.Message: it sets priority 0, which RabbitMQ 4.3 ranks below an unset one.
        properties = spec.Basic.Properties(
            headers=dict(headers or {}),
            content_type="application/json",
            delivery_mode=_PERSISTENT,
            message_id=message_id,
            app_id="gateway",
        )
        with losses(Unconfirmed, "the connection to the broker broke before the confirm"):
            try:
                async with asyncio.timeout(timeout_s), self._alone(message_id):
                    channel = await self._publishing_channel(connection)
                    underlay = await channel.get_underlay_channel()
                    await underlay.basic_publish(
                        body,
                        exchange=exchange,
                        routing_key=routing_key,
                        properties=properties,
                        mandatory=mandatory,
                    )
            except TimeoutError:
                if await self._is_blocked(connection):
                    raise Blocked(
                        "the broker has an alarm (memory or disk)", may_have_arrived=True
                    ) from None
                raise Unconfirmed(f"the broker did not confirm within {timeout_s:g} s") from None
            except vendor.PublishError as error:
                raise Returned(f"no queue takes {routing_key!r} of {exchange!r}") from error
            except vendor.DeliveryError as error:
                if channel is self._publisher and await self._retired.add(channel):
                    self._publisher = None
                raise Nacked(f"the broker refused a message for {routing_key!r}") from error
            except vendor.ChannelNotFoundEntity as error:
                raise Returned(f"the broker has no exchange {exchange!r}") from error

    async def missing(self, *, exchanges: Iterable[str], queues: Iterable[str]) -> list[str]:
        """Names among these that the broker does not have. Raises NotConnected.

        Each is declared passively; the broker closes the channel at every miss.
        """
        absent = []
        wanted = [("exchange", name) for name in exchanges] + [("queue", name) for name in queues]
        while wanted:
            async with self.channel() as channel:
                try:
                    with losses(NotConnected, "the connection to the broker broke"):
                        for kind, name in wanted.copy():
                            wanted.pop(0)
                            if kind == "exchange":
                                await channel.get_exchange(name, ensure=True)
                            else:
                                await channel.get_queue(name, ensure=True)
                except vendor.ChannelNotFoundEntity:
                    absent.append(name)
        return absent

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel of its own for consuming or asking. Raises NotConnected, or as losing it."""
        connection = self._connection
        if connection is None:
            raise NotConnected("there is no connection to the broker now")
        with losses(NotConnected, "the connection to the broker broke"):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                channel = await _open(connection)
        try:
            yield channel
        finally:
            with losses(None, ""):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await channel.close()

    @contextlib.asynccontextmanager
    async def consume(self, queue: str) -> AsyncIterator[Consumer]:
        """Consume a queue with prefetch 1 and manual acks on a channel of its own.

        Leaving returns a message that was pushed and not acked to the queue. Raises NotConnected,
        and ChannelLost when the queue is missing or the user may not read it.
        """
        async with self.channel() as channel:
            consumer = Consumer(channel, queue)
            await consumer.start()
            yield consumer

    def _alone(self, message_id: str) -> asyncio.Lock:
        """One publish of a message id at a time: aiormq tells returned messages apart by it."""
        lock = self._publishing.get(message_id)
        if lock is None:
            lock = self._publishing[message_id] = asyncio.Lock()
        return lock

    async def _publishing_channel(self, connection: AbstractConnection) -> AbstractChannel:
        channel = self._publisher
        if channel is not None and not channel.is_closed:
            return channel
        async with self._publisher_lock:
            if self._publisher is None or self._publisher.is_closed:
                self._publisher = await _open(connection)
            return self._publisher

    async def _is_blocked(self, connection: AbstractConnection) -> bool:
        """Whether the broker has told this connection `connection.blocked`."""
        transport = connection.transport
        if transport is None or connection is not self._connection:
            return False
        try:
            async with asyncio.timeout(0.01):
                await transport.ready()
        except TimeoutError:
            self._suspect_blocked = True
            return True
        self._suspect_blocked = False
        return False

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
        url, connection, lost = await self._connect()
        self._connection = connection
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
            self._connection = self._publisher = None
            self._suspect_blocked = False
            with losses(None, ""):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()

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
            with losses(NotConnected, "the broker hung up", keep=True):
                connection = await aio_pika.connect(
                    without_tls_files(url),
                    ssl_context=tls_context(url),
                    timeout=timeout_s,
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
                    detail=self._tls_fault or str(error),
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


async def _open(connection: AbstractConnection) -> AbstractChannel:
    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.initialize()
    return channel

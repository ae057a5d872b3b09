"""A sender process: the lanes of one channel, started, watched and stopped in order."""

import asyncio
from functools import partial
from importlib import import_module

from broker_topology.topology import EVENTS, queue_name
from common.broker.connection import Broker
from common.broker.lanes import AllOpen, Lane
from common.broker.publisher import Publisher
from common.channels import CHANNELS
from common.errors import SettingsError
from common.logs import get_logger
from common.settings import Settings
from common.tls import check_tls_files
from common.watching.heartbeat import Heart, beating
from common.watching.status_server import StatusServer
from senders.alarm import AlarmGate
from senders.cancelling.cancels import Cancels
from senders.dead_queue import DeadQueue
from senders.limits.limiter import Limiter
from senders.limits.turns import Turns
from senders.limits.turnstile import Turnstile
from senders.memory import Memory
from senders.metrics import observe_sender, readiness, state_of
from senders.provider import Provider
from senders.publications import Events
from senders.retry import Policy
from senders.runtime import Pipeline, Shared
from senders.simulator.simulator import Simulator

log = get_logger(__name__)


def make_provider(name: str, settings: Settings) -> Provider:
    """The channel of this name. Raises SettingsError when its credentials are missing.

    `senders.<channel>.provider` is imported only here: an email sender loads no Telegram.
    """
    if name not in CHANNELS:
        raise SettingsError(f"{name!r} is not a channel; the channels are {', '.join(CHANNELS)}")
    provider: Provider = import_module(f"senders.{name}.provider").make_provider(settings)
    return provider


def ready_provider(name: str, settings: Settings) -> Provider:
    """The channel, when nothing in the settings keeps its sender from starting.

    Raises SettingsError.
    """
    check_tls_files(settings.broker_url)
    return make_provider(name, settings)


def check_start(name: str, settings: Settings) -> None:
    """What a sender does before it connects, and no more. Raises SettingsError; not in a loop."""
    asyncio.run(ready_provider(name, settings).close())


async def run_sender(provider: Provider, settings: Settings, stopping: asyncio.Event) -> None:
    """Consume the channel's queues until `stopping` is set, then let work in hand finish.

    After `stop_timeout_s` seconds what is still in hand goes back to its queue.
    """
    name = provider.name
    # Two connections: in an alarm the broker reads nothing, acks included, from one that publishes.
    async with (
        Broker(settings.broker_url, name=f"sender {name} consuming") as broker,
        Broker(settings.broker_url, name=f"sender {name} publishing") as publishing,
    ):
        publisher = Publisher(publishing)
        alarm = AlarmGate(publishing, publisher)
        # Asked over the connection that consumes: in an alarm nothing is read from the other one.
        cancels = Cancels(broker, publisher)
        shared = _shared(provider, settings, publisher, DeadQueue(broker, name), cancels)
        turnstile = Turnstile(provider.rate)
        settleable = AllOpen(publisher, alarm, shared.dead_queue)
        gate = AllOpen(shared.limiter, settleable, cancels)
        pipelines, lanes = [], []
        for priority, count in settings.lanes(name).items():
            queue = queue_name(name, priority)
            turns = Turns(shared.limiter, turnstile, settleable, stopping, count)
            for _ in range(count):
                pipelines.append(Pipeline(shared, queue, turns))
                lanes.append((queue, Lane(broker, queue, pipelines[-1].handle, gate)))
        connections = (broker, publishing)
        own = [lane for _, lane in lanes]
        observe_sender(name, lanes, shared.limiter, cancels, connections)
        heart = Heart(publisher, EVENTS, f"sender-{name}", partial(state_of, own, shared.limiter))
        status = StatusServer(
            settings.metrics_host,
            settings.metrics_port,
            lambda: readiness(
                shared.limiter, publisher, shared.events, shared.dead_queue, cancels, connections
            ),
        )
        asking = [asyncio.create_task(one.run()) for one in (alarm, shared.dead_queue, cancels)]
        try:
            async with status, beating(heart):
                await _run_lanes(own, turnstile, stopping, settings.stop_timeout_s)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            await asyncio.gather(*(pipeline.close() for pipeline in pipelines))
            await provider.close()


def _shared(
    provider: Provider,
    settings: Settings,
    publisher: Publisher,
    dead_queue: DeadQueue,
    cancels: Cancels,
) -> Shared:
    return Shared(
        publisher=publisher,
        events=Events(publisher),
        provider=provider,
        policy=Policy(settings.retry_delays, settings.probe_interval_s),
        poison_after=settings.poison_after,
        memory=Memory(settings.sent_memory),
        dead_queue=dead_queue,
        limiter=Limiter(settings.probe_interval_s),
        simulator=Simulator(provider.name),
        marks=cancels.marks,
    )


async def _run_lanes(
    lanes: list[Lane], turnstile: Turnstile, stopping: asyncio.Event, stop_timeout_s: float
) -> None:
    tasks = [asyncio.create_task(lane.run()) for lane in lanes]
    waiter = asyncio.create_task(stopping.wait())
    log.info("sender started", lanes=len(lanes))
    try:
        await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes:
            lane.stop()
        turnstile.close()
        busy = sum(lane.is_busy for lane in lanes)
        log.info("sender stopping", in_hand=busy)
        if tasks:
            await asyncio.wait(tasks, timeout=stop_timeout_s)
    finally:
        unfinished = sum(not task.done() for task in tasks)
        for task in (waiter, *tasks):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        log.info("sender stopped", given_back=unfinished)
    for result in results:
        if isinstance(result, Exception):
            raise result

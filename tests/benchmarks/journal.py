"""How fast a journal drains a full queue into each database, and what its queue costs a POST."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pika.adapters.blocking_connection import BlockingChannel

from broker_topology.apply import apply
from broker_topology.topology import JOURNAL_QUEUE, NOTIFICATIONS
from common.channels import Channel
from common.envelope import Delivery, EventType, Progress
from common.facts import make_event
from common.times import utc_now
from store.database import Database
from store.position import read_position
from store.schema import upgrade
from tests.benchmarks import ingress
from tests.benchmarks.ingress import Door
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig import messages
from tests.benchmarks.rig.bench import OURS, Bench, BenchError, Plan, Process
from tests.benchmarks.rig.load import body_to
from tests.benchmarks.rig.queues import LOOK_EVERY_S, empty, ready
from tests.support.processes.postgresql import Postgresql
from tests.support.queues import amqp_channel

NAME = "journal"
SQLITE, POSTGRESQL = "into SQLite", "into PostgreSQL"
BOUND, UNBOUND = "POST, the journal's queue bound", "POST, no queue of a journal"
FACTS_A_SECOND = 6000  # put into the queue for each second of the plan
WARM_UP = 0.2  # of all facts
TIMEOUT_S = 300.0


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Drain a queue of facts into SQLite and PostgreSQL, in turns; then POST with and without."""
    found: dict[str, list[Round]] = {name: [] for name in (SQLITE, POSTGRESQL, BOUND, UNBOUND)}
    with Postgresql.running(durable=True) as server, ExitStack() as stack:
        for number in range(plan.rounds):
            files = {
                SQLITE: f"sqlite:///{bench.directory / f'{NAME}{number}.db'}",
                POSTGRESQL: server.new_database(),
            }
            for name, url in files.items():
                found[name].append(_drain(bench, plan, name, url))
        door = stack.enter_context(ingress.door(bench, ingress.OWN, NAME))
        ingress.await_accepted(door.process, door.port)
        _post(bench, plan, door)  # the first one is slower than the others, and does not count
        for _ in range(plan.rounds):
            found[BOUND].append(_post(bench, plan, door))
            with _unbound(bench, door):
                found[UNBOUND].append(_post(bench, plan, door))
    return Benchmark(
        name=NAME,
        title="facts into the store, and what their queue costs a POST",
        contenders=tuple(
            Contender(name=name, is_ours=True, rounds=tuple(its)) for name, its in found.items()
        ),
    )


def _drain(bench: Bench, plan: Plan, name: str, store_url: str) -> Round:
    """From a fifth of the facts on, so that the start of the process does not count."""
    upgrade(store_url)
    total = round(FACTS_A_SECOND * plan.seconds)
    with bench.vhost(f"{NAME} {name}") as url:
        apply(url)
        with amqp_channel(url, confirm=False) as channel:
            _fill(channel, total)
            total = _kept(channel, total)
        settings = {
            "GATEWAY_AMQP_URL": url,
            "GATEWAY_DATABASE_URL": store_url,
            "GATEWAY_LOG_LEVEL": "warning",
        }
        with bench.running(f"{NAME} {name}", [*OURS, "journal"], settings) as process:
            return _measure(process, store_url, total)


def _fill(channel: BlockingChannel, total: int) -> None:
    """Facts in pairs: a delivery that is accepted, and that it was sent."""
    for properties, body in messages.ours(Channel.TELEGRAM, total // 2):
        delivery = Delivery.decode(body)
        properties.delivery_mode = 2
        channel.basic_publish(NOTIFICATIONS, delivery.routing_key, body, properties)
        sent = make_event(
            EventType.SENT,
            delivery,
            Progress(attempt=1),
            at=utc_now(),
            outcome="sent",
            code="ok",
            provider_id="1",
            began_at=utc_now(),
            took_ms=31,
        )
        channel.basic_publish("events", sent.routing_key, sent.encode(), properties)


def _kept(channel: BlockingChannel, total: int) -> int:
    """How many of them the queue has: what is published without confirms may be lost."""
    deadline = time.monotonic() + 5
    while (kept := ready(channel, JOURNAL_QUEUE)) < total and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return kept


def _measure(process: Process, store_url: str, total: int) -> Round:
    database = Database(store_url)
    try:
        first = _await(process, database, round(total * WARM_UP))
        began, cpu_before = time.perf_counter(), process.cpu_s()
        last = _await(process, database, total)
        took_s, cpu_s = time.perf_counter() - began, process.cpu_s() - cpu_before
    finally:
        database.close()
    return Round(rate=(last - first) / took_s, cpu_ms=cpu_s * 1000 / (last - first))


def _await(process: Process, database: Database, at_least: int) -> int:
    """Wait until so many facts are stored; returns how many there are."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with database.reading() as connection:
            stored = read_position(connection).last_seq
        if stored >= at_least:
            return stored
        if not process.is_running():
            raise process.fault("has ended while it was measured")
        if time.monotonic() > deadline:
            raise BenchError(f"{process.name} stored {stored} of {at_least} facts in time")
        time.sleep(0.02)


def _post(bench: Bench, plan: Plan, door: Door) -> Round:
    empty(bench.node, door.vhost)  # what the rounds before have left would cost this one
    return ingress.measure(door, plan.seconds, bench.directory, body_to("telegram:42"))


@contextmanager
def _unbound(bench: Bench, door: Door) -> Iterator[None]:
    with amqp_channel(bench.node.amqp_url(door.vhost)) as channel:
        channel.queue_unbind(JOURNAL_QUEUE, NOTIFICATIONS, "#")
        yield
        channel.queue_bind(JOURNAL_QUEUE, NOTIFICATIONS, "#")

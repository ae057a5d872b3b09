"""How fast deliveries leave their queue: ours and the peers' workers, each with a full queue."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pika.adapters.blocking_connection import BlockingChannel

from broker_topology.apply import apply
from broker_topology.topology import EVENTS, queue_name
from common.envelope import Channel, Priority
from deploy.local.stack import plain_environment, sandbox_settings
from tests.benchmarks import messages
from tests.benchmarks.bench import OURS, PEERS, Bench, BenchError, Process, free_port, wait_for
from tests.benchmarks.figures import Benchmark, Contender, Round
from tests.benchmarks.queues import await_consumer, await_count, empty, fill, ready
from tests.benchmarks.sinks import run_smtp_sink
from tests.benchmarks.usage import PeakMemory
from tests.support.queues import amqp_channel

OWN, FASTSTREAM, CELERY = "gateway", "FastStream worker", "Celery worker, 2 processes"
BOT, VK_API = "python-telegram-bot in a bare loop", "vk_api in a bare loop"
LANES = 16
WARM_UP = 300
TIMEOUT_S = 120
OWN_EVENTS = "bench.events"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that empties a queue and tells of each message in another."""

    name: str
    process: Process
    vhost: str
    queue: str
    events: str
    messages: Callable[[int], messages.Messages]
    channel: BlockingChannel

    def handle(self, count: int) -> tuple[float, float]:
        """Fill the queue while it is paused, let it run; seconds that it took, and of CPU."""
        self.process.pause()
        fill(self.channel, self.queue, self.messages(count))
        wait_for(lambda: self._held() >= count, 60, f"{count} messages in {self.queue}")
        cpu_before, began = self.process.cpu_s(), time.perf_counter()
        self.process.go_on()
        ended = await_count(self.channel, self.events, count, self.process, TIMEOUT_S)
        return ended - began, self.process.cpu_s() - cpu_before

    def _held(self) -> int:
        """Messages in the queue; what the broker has handed to the paused one counts as LANES."""
        return ready(self.channel, self.queue) + LANES * 8


def run_null(bench: Bench, seconds: float = 3, rounds: int = 3) -> Benchmark:
    """What a delivery costs a sender that has nothing to send: all but the provider."""
    with ExitStack() as stack:
        command = [*OURS, "tests.benchmarks.null_sender"]
        workers = [stack.enter_context(_own(bench, "sender", Channel.TELEGRAM, {}, command))]
        if bench.has_peers:
            workers += _peers(bench, stack, "sender", {})
        title = f"a provider that answers at once, {LANES} lanes"
        return _compare("sender", title, workers, [], seconds, rounds, bench)


def run_email(bench: Bench, seconds: float = 3, rounds: int = 3) -> Benchmark:
    """Emails into an SMTP server that takes everything."""
    with ExitStack() as stack:
        smtp_port = free_port()
        sink = stack.enter_context(run_smtp_sink(bench, smtp_port))
        settings = sandbox_settings(smtp_port, 1)
        workers = [stack.enter_context(_own(bench, "email", Channel.EMAIL, settings))]
        if bench.has_peers:
            workers += _peers(bench, stack, "email", {"PEER_SMTP_PORT": str(smtp_port)})
        title = f"emails into {sink}, {LANES} lanes"
        return _compare("email", title, workers, [], seconds, rounds, bench)


def run_telegram(bench: Bench, seconds: float = 3, rounds: int = 3) -> Benchmark:
    """Telegram messages into a Bot API that takes everything."""
    return _run_messenger(bench, Channel.TELEGRAM, BOT, seconds, rounds)


def run_vk(bench: Bench, seconds: float = 3, rounds: int = 3) -> Benchmark:
    """VK messages into an API that takes everything."""
    return _run_messenger(bench, Channel.VK, VK_API, seconds, rounds)


def _run_messenger(
    bench: Bench, channel: Channel, library: str, seconds: float, rounds: int
) -> Benchmark:
    with ExitStack() as stack:
        port = free_port()
        command = [*OURS, "tests.benchmarks.sinks", "http", str(port)]
        stack.enter_context(bench.running(f"{channel} stand-in", command, port=port))
        worker = stack.enter_context(_own(bench, channel, channel, sandbox_settings(1, port)))
        loops = [Loop(library, channel, port)] if bench.has_peers else []
        title = f"{channel.title()} messages into a stand-in that answers at once, {LANES} lanes"
        return _compare(channel, title, [worker], loops, seconds, rounds, bench)


@dataclass(frozen=True, slots=True)
class Loop:
    """A library called in a bare loop by a peer's script."""

    name: str
    channel: Channel
    port: int

    def handle(self, bench: Bench, count: int) -> tuple[float, float]:
        """Seconds that so many calls took, and of CPU."""
        done = subprocess.run(
            [bench.peers_python, str(PEERS / f"loop_{self.channel}.py"), str(count)],
            env=plain_environment() | {"PEER_LANES": str(LANES), "PEER_HTTP_PORT": str(self.port)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        if done.returncode:
            raise BenchError(f"{self.name} failed: {done.stderr.strip()[-500:]}")
        said = json.loads(done.stdout)
        return said["took_s"], said["cpu_s"]


def _compare(
    name: str,
    title: str,
    workers: Sequence[Worker],
    loops: Sequence[Loop],
    seconds: float,
    rounds: int,
    bench: Bench,
) -> Benchmark:
    """Rounds in turns, each of as many messages as a contender handles in `seconds`."""
    counts = {one.name: _count_for(_round(one, WARM_UP, bench), seconds) for one in workers}
    counts |= {one.name: _count_for(_call(one, WARM_UP, bench), seconds) for one in loops}
    found: dict[str, list[Round]] = {name: [] for name in counts}
    for _ in range(rounds):
        for worker in workers:
            found[worker.name].append(_round(worker, counts[worker.name], bench))
        for loop in loops:
            found[loop.name].append(_call(loop, counts[loop.name], bench))
    contenders = (
        Contender(name=name, is_ours=name == OWN, rounds=tuple(its)) for name, its in found.items()
    )
    return Benchmark(name=name, title=title, contenders=tuple(contenders))


def _count_for(warm_up: Round, seconds: float) -> int:
    return max(100, round((warm_up.rate or 0) * seconds))


def _round(one: Worker, count: int, bench: Bench) -> Round:
    empty(bench.node, one.vhost)
    with PeakMemory(one.process.pid) as memory:
        took_s, cpu_s = one.handle(count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count, memory_mb=memory.mb)


def _call(one: Loop, count: int, bench: Bench) -> Round:
    took_s, cpu_s = one.handle(bench, count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count)


@contextmanager
def _own(
    bench: Bench,
    name: str,
    channel: Channel,
    settings: dict[str, str],
    command: Sequence[str] = (),
) -> Iterator[Worker]:
    """Our sender with LANES lanes on one queue and limits that hold nothing up."""
    vhost = f"{name} gateway"
    queue = queue_name(channel, Priority.NORMAL)
    command = command or [*OURS, "admin", "sender", channel.value]
    with bench.vhost(vhost) as url, amqp_channel(url, confirm=False) as amqp:
        apply(url)
        quorum = {"x-queue-type": "quorum"}
        amqp.queue_declare(OWN_EVENTS, durable=True, arguments=quorum)
        amqp.queue_bind(OWN_EVENTS, EVENTS, f"{channel}.sent")
        environment = settings | own_environment(url, channel)
        with bench.running(f"{name} {OWN}", command, environment) as process:
            await_consumer(amqp, queue, process)
            of = lambda count: messages.ours(channel, count)  # noqa: E731
            yield Worker(OWN, process, vhost, queue, OWN_EVENTS, of, amqp)


def own_environment(amqp_url: str, channel: Channel) -> dict[str, str]:
    """Settings of one of our senders."""
    rates = ("TELEGRAM_RATE", "TELEGRAM_CHAT_RATE", "VK_RATE")
    return {
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_LOG_LEVEL": "warning",
        f"GATEWAY_{channel.upper()}_LANES": f"normal:{LANES}",
    } | {f"GATEWAY_{name}": "1000000/s" for name in rates}


def _peers(bench: Bench, stack: ExitStack, name: str, environment: dict[str, str]) -> list[Worker]:
    """The peers' workers, ready to take messages."""
    celery = ["-m", "celery", "-A", "worker_celery", "worker", "--pool", "prefork", "-c", "2"]
    celery += ["-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    kinds = {
        FASTSTREAM: ([str(PEERS / "worker_faststream.py")], messages.faststream),
        CELERY: (celery, messages.celery),
    }
    return [
        stack.enter_context(_peer(bench, peer, f"{name} {peer}", *kinds[peer], environment))
        for peer in kinds
    ]


@contextmanager
def _peer(
    bench: Bench,
    name: str,
    vhost: str,
    arguments: Sequence[str],
    of: Callable[[int], messages.Messages],
    environment: dict[str, str],
) -> Iterator[Worker]:
    with bench.vhost(vhost) as url, amqp_channel(url, confirm=False) as amqp:
        for queue in ("email", "events"):
            amqp.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        variables = environment | {"PEER_AMQP_URL": url, "PEER_LANES": str(LANES)}
        command = [bench.peers_python, *arguments]
        with bench.running(vhost, command, variables) as process:
            await_consumer(amqp, "email", process)
            yield Worker(name, process, vhost, "email", "events", of, amqp)

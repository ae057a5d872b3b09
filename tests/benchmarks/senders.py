"""How fast deliveries leave their queue: ours and the peers' workers, each with a full queue."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from common.channels import Channel
from deploy.local.stack import plain_environment
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig.bench import OURS, PEERS, Bench, BenchError, Plan, free_port
from tests.benchmarks.rig.queues import empty
from tests.benchmarks.rig.sinks import run_smtp_sink
from tests.benchmarks.rig.usage import PeakMemory
from tests.benchmarks.workers import LANES, NO_PORT, OWN, PEER_WORKERS, TIMEOUT_S, Worker, own, peer

BOT, VK_API = "python-telegram-bot in a bare loop", "vk_api in a bare loop"
WARM_UP = 300  # messages


def run_null(bench: Bench, plan: Plan) -> Benchmark:
    """What a delivery costs a sender that has nothing to send: all but the provider."""
    with ExitStack() as stack:
        command = [*OURS, "tests.benchmarks.rig.null_sender"]
        kinds = [own(bench, "sender", Channel.TELEGRAM, NO_PORT, command=command)]
        kinds += [peer(bench, name, "sender") for name in PEER_WORKERS if bench.has_peers]
        workers = [stack.enter_context(kind) for kind in kinds]
        title = f"a provider that answers at once, {LANES} lanes"
        return _compare("sender", title, workers, [], plan, bench)


def run_email(bench: Bench, plan: Plan) -> Benchmark:
    """Emails into an SMTP server that takes everything."""
    with ExitStack() as stack:
        smtp_port = free_port()
        sink = stack.enter_context(run_smtp_sink(bench, smtp_port))
        kinds = [own(bench, "email", Channel.EMAIL, smtp_port)]
        where = {"PEER_SMTP_PORT": str(smtp_port)}
        if bench.has_peers:
            kinds += [peer(bench, name, "email", environment=where) for name in PEER_WORKERS]
        workers = [stack.enter_context(kind) for kind in kinds]
        title = f"emails into {sink}, {LANES} lanes"
        return _compare("email", title, workers, [], plan, bench)


def run_telegram(bench: Bench, plan: Plan) -> Benchmark:
    """Telegram messages into a Bot API that takes everything."""
    return _run_messenger(bench, Channel.TELEGRAM, "Telegram", BOT, plan)


def run_vk(bench: Bench, plan: Plan) -> Benchmark:
    """VK messages into an API that takes everything."""
    return _run_messenger(bench, Channel.VK, "VK", VK_API, plan)


def _run_messenger(
    bench: Bench, channel: Channel, shown: str, library: str, plan: Plan
) -> Benchmark:
    with ExitStack() as stack:
        port = free_port()
        command = [*OURS, "tests.benchmarks.rig.sinks", "http", str(port)]
        stack.enter_context(bench.running(f"{channel} stand-in", command, port=port))
        worker = stack.enter_context(own(bench, channel, channel, port))
        loops = [Loop(library, channel, port)] if bench.has_peers else []
        title = f"{shown} messages into a stand-in that answers at once, {LANES} lanes"
        return _compare(channel, title, [worker], loops, plan, bench)


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
    plan: Plan,
    bench: Bench,
) -> Benchmark:
    """Rounds in turns, each of as many messages as a contender handles in `plan.seconds`."""
    counts = {one.name: _count_for(measure(one, WARM_UP, bench), plan.seconds) for one in workers}
    counts |= {one.name: _count_for(_call(one, WARM_UP, bench), plan.seconds) for one in loops}
    found: dict[str, list[Round]] = {name: [] for name in counts}
    for _ in range(plan.rounds):
        for worker in workers:
            found[worker.name].append(measure(worker, counts[worker.name], bench))
        for loop in loops:
            found[loop.name].append(_call(loop, counts[loop.name], bench))
    contenders = (
        Contender(name=name, is_ours=name == OWN, rounds=tuple(its)) for name, its in found.items()
    )
    return Benchmark(name=name, title=title, contenders=tuple(contenders))


def _count_for(warm_up: Round, seconds: float) -> int:
    return max(WARM_UP, round((warm_up.rate or 0) * seconds))


def measure(one: Worker, count: int, bench: Bench) -> Round:
    """One round of so many messages."""
    empty(bench.node, one.vhost)
    with PeakMemory(one.process.pid) as memory:
        took_s, cpu_s = one.handle(count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count, memory_mb=memory.mb)


def _call(one: Loop, count: int, bench: Bench) -> Round:
    took_s, cpu_s = one.handle(bench, count)
    return Round(rate=count / took_s, cpu_ms=cpu_s * 1000 / count)

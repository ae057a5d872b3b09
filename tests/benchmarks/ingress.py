"""How fast notifications are accepted: POSTs of one email over 32 kept connections."""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from admin.processes import api
from broker_topology.apply import apply
from broker_topology.topology import queue_name
from common.channels import Channel, Priority
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig.bench import OURS, Bench, BenchError, Plan, Process, free_port, wait_for
from tests.benchmarks.rig.load import BODY, NO_HEADERS, PATH, Headers, has_wrk, post_for
from tests.benchmarks.rig.queues import empty, ready
from tests.benchmarks.rig.usage import PeakMemory
from tests.support.queues import amqp_channel

NAME = "ingress"
OWN, OWN_WORKERS = "gateway", "gateway, 2 workers"
BARE, AIO_PIKA = "FastAPI, nothing published", "FastAPI + aio-pika"
FASTSTREAM, CELERY = "FastAPI + FastStream", "FastAPI + Celery"
PEERS = {
    FASTSTREAM: "api_faststream",
    CELERY: "api_celery",
    AIO_PIKA: "api_aiopika",
    BARE: "api_bare",
}
WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Door:
    """An API that takes notifications, and the virtual host that it fills."""

    name: str
    process: Process
    port: int
    vhost: str


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Measure every API in turns; without the peers' environment ours alone."""
    names = [OWN, *([OWN_WORKERS] if has_workers() else []), *(PEERS if bench.has_peers else [])]
    with ExitStack() as stack:
        doors = [stack.enter_context(door(bench, name)) for name in names]
        for one in doors:
            await_accepted(one.process, one.port)
            post_for(min(plan.seconds, WARM_UP_S), one.port, bench.directory)
        found: dict[str, list[Round]] = {one.name: [] for one in doors}
        for _ in range(plan.rounds):
            for one in doors:
                empty(bench.node, one.vhost)
                found[one.name].append(measure(one, plan.seconds, bench.directory))
                _check_kept(bench, one, found[one.name][-1], plan.seconds)
    return Benchmark(
        name=NAME,
        title="202 for one email, 32 kept connections",
        contenders=tuple(
            Contender(name=name, is_ours=name in (OWN, OWN_WORKERS), rounds=tuple(its))
            for name, its in found.items()
        ),
        notes=() if has_wrk() else ("wrk is not installed: a client in Python made the load",),
    )


def await_accepted(process: Process, port: int, headers: Headers = NO_HEADERS) -> None:
    """Wait until a POST is answered 202. Raises BenchError."""
    url = f"http://127.0.0.1:{port}{PATH}"
    head = {"Content-Type": "application/json", **headers}

    def is_accepted() -> bool:
        # an API that is not connected yet answers 503, and first waits for it as long as it may
        return httpx.post(url, content=BODY, headers=head, timeout=30).status_code == 202

    try:
        wait_for(is_accepted, 60, "a 202")
    except BenchError:
        raise process.fault("accepts nothing") from None


def has_workers() -> bool:
    """Whether `gateway api` can run several processes."""
    return "workers" in inspect.signature(api).parameters


def measure(
    one: Door, seconds: float, directory: Path, body: str = BODY, headers: Headers = NO_HEADERS
) -> Round:
    """One round of load."""
    with PeakMemory(one.process.pid) as memory:
        before = one.process.cpu_s()
        answered = post_for(seconds, one.port, directory, body, headers)
        cpu_s = one.process.cpu_s() - before
    return Round(
        rate=answered.requests / answered.took_s,
        p50_ms=answered.p50_ms,
        p99_ms=answered.p99_ms,
        cpu_ms=cpu_s * 1000 / answered.requests,
        memory_mb=memory.mb,
    )


def _check_kept(bench: Bench, one: Door, measured: Round, seconds: float) -> None:
    """Raise BenchError unless about as much is in the queue as was answered 202."""
    if one.name == BARE:
        return
    answered = (measured.rate or 0) * seconds
    queue = "email" if one.name in PEERS else queue_name(Channel.EMAIL, Priority.NORMAL)
    with amqp_channel(bench.node.amqp_url(one.vhost)) as channel:
        held = ready(channel, queue)
    if held < answered * 0.9:
        raise BenchError(
            f"{one.name} answered 202 {answered:.0f} times, and its queue holds {held}"
        )


@contextmanager
def door(bench: Bench, name: str, use: str = NAME) -> Iterator[Door]:
    """An API that listens, on a virtual host of its own; `use` tells two of a name apart."""
    vhost, port = f"{use} {name}", free_port()
    with bench.vhost(vhost) as url:
        if name in PEERS:
            command = [bench.peers_python, "-m", "uvicorn", f"{PEERS[name]}:app"]
            command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
            environment = {"PEER_AMQP_URL": url}
        else:
            apply(url)
            workers = ["--workers", "2"] if name == OWN_WORKERS else []
            command = [*OURS, "admin", "api", *workers]
            environment = own_environment(url, port)
        with bench.running(f"{vhost} API", command, environment, port) as process:
            yield Door(name, process, port, vhost)


def own_environment(amqp_url: str, port: int) -> dict[str, str]:
    """Settings of our API."""
    return {
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_API_PORT": str(port),
        "GATEWAY_LOG_LEVEL": "warning",
    }

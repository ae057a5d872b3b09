"""What each process of ours takes while it has nothing to do."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from admin.command_line.on_demand import HOMES
from broker_topology.apply import apply
from common.channels import Channel
from deploy.local.stack import sandbox_settings
from store.schema import upgrade
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig.bench import OURS, Bench, Plan, Process, free_port
from tests.benchmarks.rig.queues import await_consumer
from tests.benchmarks.rig.usage import memory_mb
from tests.benchmarks.workers import queue_of
from tests.support.queues import amqp_channel

NAME = "memory"
SETTLE_S = 2.0
SERVERS = ("api", "console")
"""Commands that serve HTTP, on the port that GATEWAY_<NAME>_PORT says."""


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Start everything, let it settle, and look."""
    with bench.vhost(NAME) as url, amqp_channel(url) as amqp, ExitStack() as stack:
        apply(url)
        smtp_port, http_port = free_port(), free_port()
        directory = stack.enter_context(TemporaryDirectory())
        store_url = f"sqlite:///{directory}/gateway.db"
        settings = sandbox_settings(smtp_port, http_port) | {
            "GATEWAY_AMQP_URL": url,
            "GATEWAY_CONSOLE_KEY": "benchmark-benchmark",
            "GATEWAY_LOG_LEVEL": "warning",
            "GATEWAY_DATABASE_URL": store_url,
        }

        def start(words: list[str], port: int = 0, more: Mapping[str, str] | None = None) -> None:
            name = " ".join(word for word in words if word.isalpha())
            command = [*OURS, "admin", *words]
            running = bench.running(f"{NAME} {name}", command, settings | dict(more or {}), port)
            processes[name] = stack.enter_context(running)

        processes: dict[str, Process] = {}
        start(["sandbox", "--smtp-port", str(smtp_port), "--http-port", str(http_port)], http_port)
        for name in filter(HOMES.__contains__, SERVERS):
            port = free_port()
            start([name], port, {f"GATEWAY_{name.upper()}_PORT": str(port)})
        upgrade(store_url)
        start(["journal"])
        for channel in Channel:
            start(["sender", channel.value])
        for channel in Channel:
            await_consumer(amqp, queue_of(channel), processes[f"sender {channel}"])
        time.sleep(SETTLE_S)
        contenders = tuple(
            Contender(
                name=f"gateway {name}",
                is_ours=True,
                rounds=(Round(pss_mb=memory_mb(one.pid), rss_mb=memory_mb(one.pid, "Rss")),),
            )
            for name, one in processes.items()
        )
    return Benchmark(name=NAME, title="idle processes", contenders=contenders)

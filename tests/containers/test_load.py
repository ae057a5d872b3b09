"""Under load: what the processes hold in memory, and three senders where there was one."""

import re
from contextlib import ExitStack
from pathlib import Path

from tests.containers.engine import docker
from tests.containers.stack import LASTING, Stack, run_compose
from tests.support.clients.load import Load
from tests.support.polling import until

NOTIFICATIONS = 4000
_SHOW_METRICS = "from urllib.request import urlopen;print(urlopen('http://127.0.0.1:9464/metrics').read().decode())"


def test_no_process_comes_near_its_memory_limit(stack: Stack) -> None:
    before = {service: stack.inspect(service)["RestartCount"] for service in LASTING}
    with ExitStack() as running:
        loads = [running.enter_context(Load(stack, rate=60)) for _ in range(4)]
        until(lambda: sum(len(load.accepted) for load in loads) >= NOTIFICATIONS, 180)
    for load in loads:
        stack.await_arrival(load, 300)
    peaks_mb = {service: peak_mb(stack, service) for service in LASTING}
    for service in LASTING:
        told = stack.inspect(service)
        limit_mb = told["HostConfig"]["Memory"] / 2**20
        assert 0 < peaks_mb[service] < 0.6 * limit_mb, peaks_mb
        assert not told["State"]["OOMKilled"]
        assert told["RestartCount"] == before[service]


def peak_mb(stack: Stack, service: str) -> float:
    """What its processes held together at most, each at its own moment."""
    pids = docker("top", stack.containers(service)[0], "-o", "pid").split()[1:]
    found = [
        re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()) for pid in pids
    ]
    return sum(int(kb) for one in found for kb in one) / 1024


def test_three_senders_share_the_work_of_one(stack: Stack) -> None:
    with Load(stack) as load:
        run_compose("up", "--detach", "--wait", "--scale", "sender-email=3")
        senders = stack.containers("sender-email")
        assert len(senders) == 3
        until(lambda: all(sent(sender) > 10 for sender in senders), 60)
        run_compose("up", "--detach", "--wait", "--scale", "sender-email=1")
        assert len(stack.containers("sender-email")) == 1
    stack.await_arrival(load)


def sent(container: str) -> int:
    """How many attempts of a sender ended well."""
    metrics = docker("exec", container, "python", "-c", _SHOW_METRICS)
    counted = re.findall(r'(?m)^gateway_attempts_total\{.*outcome="sent".*\} (\S+)$', metrics)
    return sum(int(float(count)) for count in counted)

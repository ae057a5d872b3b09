"""Each container is killed under load: the engine starts it again, and nothing accepted is lost."""

import os
import signal

import pytest

from tests.containers.stack import LASTING, REFUSALS, Stack
from tests.support.clients.load import Load
from tests.support.polling import until


@pytest.mark.parametrize("service", LASTING)
def test_killed_container_comes_back_and_nothing_is_lost(stack: Stack, service: str) -> None:
    before = stack.inspect(service)
    with Load(stack) as load:
        until(lambda: len(load.accepted) >= 100)
        # Past the engine, which would take its own `docker kill` for a wish that it stays down.
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        until(lambda: stack.inspect(service)["RestartCount"] > before["RestartCount"], 60)
        stack.await_health()
        accepted = len(load.accepted)
        until(lambda: len(load.accepted) >= accepted + 100)
    stack.await_arrival(load)
    assert load.codes <= REFUSALS

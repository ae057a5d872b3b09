"""The engine and the stack, started once; they end with the machine that the tests run on."""

import os
from collections.abc import Iterator

import pytest

from tests.containers.base_images import provide_base_images
from tests.containers.engine import provide_compose, running_engine
from tests.containers.stack import Stack, start_stack

_ON_ITS_MACHINE = bool(os.environ.get("GATEWAY_TEST_CONTAINERS"))
# Anywhere else these are no tests.
collect_ignore_glob = [] if _ON_ITS_MACHINE else ["test_*.py"]


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """A Docker engine with Compose and the base images."""
    assert _ON_ITS_MACHINE, "Run these by `./gateway test --containers FILE`."
    with running_engine():
        provide_compose()
        provide_base_images()
        yield


@pytest.fixture(scope="session")
def running(engine: None) -> Iterator[Stack]:
    """Everything that the shipped compose file starts."""
    stack = start_stack()
    yield stack
    stack.close()


@pytest.fixture
def stack(running: Stack) -> Stack:
    """The same, healthy."""
    running.await_health()
    return running

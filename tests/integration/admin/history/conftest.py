"""One gateway that tells, for all of these tests."""

from collections.abc import Iterator

import pytest

from deploy.local.node import Node
from tests.support.processes.telling import Telling, telling


@pytest.fixture(scope="package")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telling]:
    with telling(broker, tmp_path_factory.mktemp("telling"), "telling") as running:
        yield running

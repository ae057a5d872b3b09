"""The ports that people know are used where they are free, and others where they are not."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from admin.one_machine import port_or_free, start_node
from deploy.local.node import Node, free_port


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Closes what is put into it."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_port_of_another_program_is_not_used(sockets: contextlib.ExitStack, address: str) -> None:
    port = free_port()
    sockets.enter_context(socket.create_server((address, port)))
    assert port_or_free(port) != port


def test_port_with_connections_that_are_over_is_used(sockets: contextlib.ExitStack) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        client = sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
        server.accept()[0].close()  # who closes first lingers on, in TIME_WAIT
        assert client.recv(1) == b""
        client.close()
    assert port_or_free(port) == port


@pytest.mark.long
def test_node_that_loses_its_port_while_it_starts_gets_another(
    sockets: contextlib.ExitStack, tmp_path: Path
) -> None:
    wanted = free_port()
    tried: list[int] = []

    def create(port: int) -> Node:
        if not tried:  # between the look and the start, as a second demo would
            sockets.enter_context(socket.create_server(("127.0.0.1", port)))
        tried.append(port)
        return Node.create(tmp_path / "broker", management_port=port)

    with start_node(create, wanted) as node:
        assert tried[0] == wanted
        assert node.management_port == tried[1] != wanted
        login = (node.user, node.password)
        assert httpx.get(f"{node.management_url}/api/whoami", auth=login).is_success

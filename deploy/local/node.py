"""A private RabbitMQ node for the demo, the tests and development.

It lives in one directory, listens on loopback only, needs neither root nor a system broker, and
ends with the process that owns it, even when that one is killed. Synchronous.
"""

import contextlib
import random
import re
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from broker_topology.management import ManagementUnavailableError, get, node_management
from deploy.local.container import ContainerServer, find_engine
from deploy.local.process import BrokerError, boot_failure
from deploy.local.server import Epmd, LocalServer, find_scripts

__all__ = ["BrokerError", "Node", "free_port"]

_MANAGEMENT_TIMEOUT_S = 15.0
_MEMORY_WATERMARK = 0.4
_ports_given: dict[int, int] = {}  # each with a descriptor that is open as long as we live


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now, and that nobody else here is given by this.

    Taken from below the range that systems hand to outgoing connections: a client that connects
    while the node is down for a restart could otherwise be sitting on the node's port. As long as
    we live, the UDP port of the same number says to others that this one is given.
    """
    for port in random.sample(range(20_000, 32_768), k=2_000):
        if port in _ports_given:
            continue
        with (
            contextlib.suppress(OSError),
            socket.socket() as probe,
            socket.socket(type=socket.SOCK_DGRAM) as sign,
        ):
            probe.bind(("127.0.0.1", port))
            sign.bind(("127.0.0.1", port))
            _ports_given[port] = sign.detach()
            return port
    raise BrokerError("No free TCP port between 20000 and 32767 on 127.0.0.1.")


@dataclass(eq=False)
class Node:
    """One private RabbitMQ node; make it with `create`, use it as a context manager or stop it."""

    directory: Path
    name: str
    amqp_port: int
    management_port: int
    user: str
    password: str = field(repr=False)
    _server: LocalServer | ContainerServer = field(repr=False)
    _peer: str | None = field(default=None, repr=False)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        user: str = "gateway",
        password: str = "gateway",  # noqa: S107  a private node on loopback
        amqp_port: int = 0,
        management_port: int = 0,
        name: str = "gateway",
        cluster_of: "Node | None" = None,
    ) -> "Node":
        """Prepare a node in its directory, made if it is missing; it does not run yet.

        Port 0 is a free one, kept over restarts. cluster_of: a running node that this one joins
        when it starts the first time; its name must differ. User and password are set when the
        directory is new. Raises BrokerError without rabbitmq-server and container engine.
        """
        for word in (user, password, name):
            if not re.fullmatch(r"[A-Za-z0-9_-]+", word):
                raise BrokerError(f"{word!r} may have only letters, digits, _ and - here.")
        directory = directory.absolute()
        try:
            (directory / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        except OSError as error:
            raise BrokerError(
                f"The directory {directory} of the private RabbitMQ cannot be written:"
                f" {error.strerror}; make it writable, or remove it."
            ) from error
        amqp_port = amqp_port or free_port()
        management_port = management_port or free_port()
        server = _make_server(directory, name, amqp_port, management_port, cluster_of)
        peer = cluster_of.full_name if cluster_of else None
        return cls(directory, name, amqp_port, management_port, user, password, server, peer)

    def __enter__(self) -> "Node":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout_s: float = 60) -> None:
        """Start the node and return when it accepts clients; does nothing when it runs.

        Raises BrokerError with the end of its log when it does not come up in time.
        """
        if self.is_running():
            return
        try:
            self._server.launch(self._config())
            self._await_ready(timeout_s)
        except OSError as error:
            self.stop(timeout_s=0)
            raise BrokerError(
                f"The private RabbitMQ in {self.directory} could not be started: {error}."
            ) from error
        except BaseException:  # Ctrl-C while it starts included: nothing may be left running
            self.stop(timeout_s=0)
            raise

    def stop(self, timeout_s: float = 30) -> None:
        """Stop the node in good order, by force after timeout_s; no process is left. Idempotent."""
        self._server.end(timeout_s)

    def kill(self) -> None:
        """Kill the node with SIGKILL, as a crash; `start` or `restart` brings it back."""
        self._server.kill()

    def restart(self) -> None:
        """Stop the node in good order, if it runs, and start it on the same ports and data."""
        if self.is_running():
            self._server.end(30)
        self.start()

    def is_running(self) -> bool:
        """Tell whether the node's process lives."""
        return self._server.is_running()

    def ctl(self, *arguments: str, timeout_s: float = 30, tool: str = "rabbitmqctl") -> str:
        """Run rabbitmqctl, or another tool, at this node and return its output; BrokerError."""
        return self._server.ctl([tool, *arguments], timeout_s)

    def amqp_url(self, vhost: str = "/") -> str:
        """Return the AMQP URL of a virtual host, with credentials."""
        login = f"{self.user}:{self.password}"
        return f"amqp://{login}@127.0.0.1:{self.amqp_port}/{quote(vhost, safe='')}"

    @property
    def full_name(self) -> str:
        """The name by which Erlang knows the node."""
        return f"{self.name}@localhost"

    @property
    def management_url(self) -> str:
        """The address of the management page, without credentials."""
        return f"http://127.0.0.1:{self.management_port}"

    @contextlib.contextmanager
    def management(self) -> Iterator[httpx.Client]:
        """A client of the node's management API, with paths relative to its `/api/`.

        Raises BrokerError, also for what goes wrong inside the block.
        """
        url = f"http://{self.user}:{self.password}@127.0.0.1:{self.management_port}"
        try:
            with node_management(url, _MANAGEMENT_TIMEOUT_S) as client:
                yield client
        except ManagementUnavailableError as error:
            raise BrokerError(f"The private RabbitMQ has a fault: {error}.") from error

    def add_vhost(self, vhost: str) -> str:
        """Make a virtual host, unless it exists, and return its AMQP URL."""
        path = quote(vhost, safe="")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        with self.management() as client:
            client.put(f"vhosts/{path}", json={}).raise_for_status()
            client.put(f"permissions/{path}/{self.user}", json=rights).raise_for_status()
        return self.amqp_url(vhost)

    def delete_vhost(self, vhost: str) -> None:
        """Delete a virtual host with all that is in it; its clients are disconnected."""
        with self.management() as client:
            client.delete(f"vhosts/{quote(vhost, safe='')}").raise_for_status()

    def set_memory_alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm, which blocks every publisher; returns when it holds."""
        self.ctl("set_vm_memory_high_watermark", "0" if on else str(_MEMORY_WATERMARK))
        deadline = time.monotonic() + 10
        while self._has_alarm() is not on:
            if time.monotonic() > deadline:
                raise BrokerError("RabbitMQ's memory alarm did not follow its watermark.")
            time.sleep(0.05)

    def _has_alarm(self) -> bool:
        """Whether a memory or disk alarm blocks publishers on this node."""
        with self.management() as client:
            return client.get("health/checks/local-alarms").status_code != httpx.codes.OK

    def _config(self) -> str:
        inside = isinstance(self._server, ContainerServer)
        address = self._server.listen_address
        lines = [
            f"listeners.tcp.1 = {address}:{5672 if inside else self.amqp_port}",
            f"management.tcp.ip = {address}",
            f"management.tcp.port = {15672 if inside else self.management_port}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "default_user_tags.administrator = true",
            "loopback_users = none",
            f"log.console = {str(self._server.console).lower()}",
            f"vm_memory_high_watermark.relative = {_MEMORY_WATERMARK}",
        ]
        if self._peer:
            lines += [
                "cluster_formation.peer_discovery_backend = classic_config",
                f"cluster_formation.classic_config.nodes.1 = {self._peer}",
                f"cluster_formation.classic_config.nodes.2 = {self.full_name}",
            ]
        return "\n".join(lines) + "\n"

    def _await_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not (self._answers_amqp() and self._answers_login()):
            failure = boot_failure(self.directory / "log" / "console.log")
            if failure or not self.is_running():
                raise BrokerError(self._failure(failure or "ended while it was starting"))
            if time.monotonic() > deadline:
                raise BrokerError(self._failure(f"was not ready within {timeout_s:g} s"))
            time.sleep(0.1)
        if self._peer and self._peer not in self._nodes():
            raise BrokerError(self._failure(f"did not join {self._peer}"))

    def _nodes(self) -> set[str]:
        with self.management() as client:
            return {node["name"] for node in get(client, "nodes", list[dict[str, Any]])}

    def _failure(self, what: str) -> str:
        ports = f"(ports {self.amqp_port} and {self.management_port})"
        return (
            f"The private RabbitMQ in {self.directory} {ports} {what}.\n{self._server.log_tail()}"
        )

    def _answers_login(self) -> bool:
        with contextlib.suppress(BrokerError), self.management() as client:
            return client.get("whoami").is_success
        return False

    def _answers_amqp(self) -> bool:
        with contextlib.suppress(OSError):
            address = ("127.0.0.1", self.amqp_port)
            with socket.create_connection(address, timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"  # a method frame: Connection.Start
        return False


def _make_server(
    directory: Path, name: str, amqp_port: int, management_port: int, cluster_of: Node | None
) -> LocalServer | ContainerServer:
    scripts = find_scripts()
    if scripts:
        first = cluster_of._server if cluster_of else None
        epmd = first.epmd if isinstance(first, LocalServer) else Epmd(directory, free_port())
        cookie = first.cookie if isinstance(first, LocalServer) else secrets.token_hex(16)
        node_name = f"{name}@localhost"
        return LocalServer(scripts, directory, node_name, free_port(), epmd, cookie)
    engine = find_engine()
    if engine and not cluster_of:
        return ContainerServer(engine, directory, amqp_port, management_port)
    raise BrokerError(
        "RabbitMQ is not installed: install the package rabbitmq-server"
        + (" (a cluster needs it)." if engine else ", or start docker or podman.")
    )

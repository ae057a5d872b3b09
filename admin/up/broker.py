"""The private broker of `gateway up`, whose data outlives each run."""

import contextlib
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from admin.one_machine import MANAGEMENT_PORT, OneMachineError, port_or_free, start_node
from broker_topology.apply import apply
from deploy.local.node import BrokerError, Node
from deploy.local.stack import restart_pause_s

USER = "gateway"
AMQP_PORT = 5673
URL_FILE = "amqp_url"


@dataclass(frozen=True)
class Login:
    """Where the private node listens, and its one user's password."""

    amqp_port: int
    password: str

    @property
    def url(self) -> str:
        """Its AMQP URL."""
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.amqp_port}/%2F"


class PrivateBroker:
    """A node whose messages, password and, where it is free, port are kept between runs.

    Its URL stands in the file `amqp_url` of its directory, for the other commands.
    """

    name = "broker"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.login = self._keep_login()
        self.starts = 0
        self._failures = 0
        self._try_at = 0.0
        self._node: Node | None = None

    @property
    def url_file(self) -> Path:
        """The file that holds its URL."""
        return self.directory / URL_FILE

    @property
    def management_url(self) -> str:
        """The address of its management page."""
        return self._node.management_url if self._node else ""

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._node is not None and self._node.is_running()

    def start(self) -> None:
        """Start it and declare the topology. Raises BrokerError or TopologyError."""
        self.starts += 1
        if self._node is None:
            self._node = start_node(self._make_node, MANAGEMENT_PORT)
        else:
            self._node.start()
        apply(self.login.url)

    def _make_node(self, management_port: int) -> Node:
        return Node.create(
            self.directory,
            user=USER,
            password=self.login.password,
            amqp_port=self.login.amqp_port,
            management_port=management_port,
        )

    def keep_up(self) -> None:
        """Start it again if it has died, after a pause that grows while that fails."""
        if self._node is None or self.is_running or time.monotonic() < self._try_at:
            return
        try:
            self._node.stop(timeout_s=0)  # what the dead one has left
            self.starts += 1
            self._node.start()
            self._failures = 0
        except BrokerError:
            self._failures += 1
            self._try_at = time.monotonic() + restart_pause_s(self._failures)

    def stop(self) -> None:
        """Stop it in good order; idempotent."""
        if self._node is not None:
            self._node.stop()

    def _keep_login(self) -> Login:
        """The login of the last run, or a new one, written to the file before anybody asks."""
        old = self._read_login()
        login = Login(
            port_or_free(old.amqp_port if old else AMQP_PORT),
            old.password if old else secrets.token_urlsafe(18),
        )
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.url_file.touch(mode=0o600)
            self.url_file.write_text(f"{login.url}\n")
        except OSError as error:
            raise OneMachineError(
                f"{self.url_file} cannot be written ({error.strerror}): make it writable, or "
                "remove it"
            ) from error
        return login

    def _read_login(self) -> Login | None:
        with contextlib.suppress(OSError, ValueError):
            parts = urlsplit(self.url_file.read_text().strip())
            if parts.port and re.fullmatch(r"[A-Za-z0-9_-]+", parts.password or ""):
                return Login(parts.port, parts.password or "")
        if (self.directory / "data").exists():
            raise OneMachineError(
                f"{self.url_file} is missing or damaged, and with it the password of the private "
                f"broker: remove {self.directory} with all its messages, or restore the file"
            )
        return None

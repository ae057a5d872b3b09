"""An API and a journal over one store as real processes, and commands that ask them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from typer.testing import CliRunner

from admin.cli import app
from broker_topology.apply import apply
from common.errors import GatewayError
from deploy.local.node import Node, free_port
from deploy.local.stack import Service, Stack, plain_environment
from store.database import Database
from store.schema import upgrade
from tests.support.polling import until
from tests.support.processes.quick import QuickStack
from tests.support.processes.running import READY_S, answers

KEY = "a-key-of-sixteen-letters-or-more"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Telling:
    """A gateway without senders, as the command line reaches it by `settings`."""

    settings: dict[str, str]
    api: httpx.Client
    stack: Stack
    database: Database

    @property
    def amqp_url(self) -> str:
        """Of its own virtual host."""
        return self.settings["GATEWAY_AMQP_URL"]

    @property
    def environment(self) -> dict[str, str]:
        """Of a command as a process of its own."""
        return os.environ | self.settings

    def command(self, *words: str) -> list[str]:
        """The same as what is started."""
        return [sys.executable, "-P", "-m", "admin", *words]

    def run(self, *words: str, columns: int = 200, **settings: str) -> Done:
        """Run a command in this process; an error that `main` would print is in stderr."""
        given = {f"GATEWAY_{name.upper()}": text for name, text in settings.items()}
        env = self.settings | given | {"COLUMNS": str(columns)}
        outcome = CliRunner().invoke(app, words, env=env)
        error = outcome.exception
        assert error is None or isinstance(error, SystemExit | GatewayError), repr(error)
        if isinstance(error, GatewayError):
            return Done(error.exit_code, outcome.stdout, f"{outcome.stderr}gateway: {error}\n")
        return Done(outcome.exit_code, outcome.stdout, outcome.stderr)


@contextmanager
def telling(
    broker: Node, directory: Path, vhost: str, store_url: str | None = None
) -> Iterator[Telling]:
    """Run both; the store is a new one, SQLite in the directory if nothing else is said."""
    amqp_url, port = broker.add_vhost(vhost), free_port()
    apply(amqp_url)
    store_url = store_url or f"sqlite:///{directory / 'gateway.db'}"
    upgrade(store_url)
    settings = {
        "GATEWAY_AMQP_URL": amqp_url,
        "GATEWAY_DATABASE_URL": store_url,
        "GATEWAY_API_PORT": str(port),
        "GATEWAY_API_KEY": KEY,
        "GATEWAY_ENV_FILE": os.devnull,
    }
    environment = plain_environment() | settings
    services = [
        Service("api", [sys.executable, "-P", "-m", "gateway_api"], environment),
        Service("journal", [sys.executable, "-P", "-m", "journal"], environment),
    ]
    database = Database(store_url)
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        QuickStack(directory, services) as stack,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as api,
    ):
        until(lambda: answers(api, "/readyz"), READY_S)
        yield Telling(settings, api, stack, database)
    database.close()
    broker.delete_vhost(vhost)

"""The whole gateway as real processes, for tests that use or break it from outside."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from broker_topology.apply import apply
from broker_topology.users import provide_users
from deploy.local.cluster import Cluster
from deploy.local.node import Node, free_port
from deploy.local.stack import Stack, gateway_services, sandbox_service, sandbox_settings
from store.schema import upgrade
from tests.support.polling import until
from tests.support.processes.quick import QuickStack

READY_S = 200.0  # a start takes two seconds alone, and forty beside twenty other things

_numbers = itertools.count(1)


class Client:
    """What a user of the API can do, and a look at what the stand-in providers got.

    providers_url: where senders find these; if not given, where we do.
    """

    def __init__(
        self, api: httpx.Client, sandbox: httpx.Client, providers_url: str | None = None
    ) -> None:
        self.api = api
        self.sandbox = sandbox
        self.providers_url = providers_url or str(sandbox.base_url).rstrip("/")

    def post(self, *to: str, **fields: Any) -> httpx.Response:
        """POST a notification with a subject (for emails) and a text, unless `fields` say other."""
        request: dict[str, Any] = {"to": list(to), "text": "hello"}
        if any(one.startswith("email:") for one in to):
            request["subject"] = "Hello"
        return self.api.post("/v1/notifications", json=request | fields)

    def accepted(self, *to: str, **fields: Any) -> list[str]:
        """The same, answered 202: the ids of its deliveries."""
        answer = self.post(*to, **fields)
        assert answer.status_code == 202, answer.text
        return [delivery["id"] for delivery in answer.json()["deliveries"]]

    def inbox(self, **query: str) -> list[dict[str, Any]]:
        """What the providers accepted."""
        entries: list[dict[str, Any]] = self.sandbox.get("/inbox.json", params=query).json()[
            "entries"
        ]
        return entries

    def attempts(self, recipient: str) -> list[dict[str, Any]]:
        """Every call the providers saw for a recipient."""
        found = self.sandbox.get("/attempts.json").json()["attempts"]
        return [attempt for attempt in found if attempt["recipient"] == recipient]

    def fail_next(self, channel: str, fault: str, count: int = 1, **more: Any) -> None:
        """Let the provider of a channel fail the next calls."""
        order = {"channel": channel, "fault": fault, "count": count} | more
        self.sandbox.post("/faults", json=order).raise_for_status()

    def begin_slow(self, channel: str, recipient: str) -> None:
        """POST to a provider that takes three seconds, and return once it has the message."""
        self.fail_next(channel, "slow", recipient=recipient)
        self.accepted(f"{channel}:{recipient}")
        until(lambda: not self.sandbox.get("/faults").json()["pending"])


class Gateway(Client):
    """API, console, senders and sandbox on a virtual host of their own."""

    def __init__(
        self,
        stack: Stack,
        vhost: str,
        amqp_url: str,
        api_url: str,
        console_url: str,
        sandbox_url: str,
    ) -> None:
        super().__init__(
            httpx.Client(base_url=api_url, timeout=30),
            httpx.Client(base_url=sandbox_url, timeout=30),
        )
        self.console = httpx.Client(base_url=console_url, timeout=60)
        self.stack = stack
        self.vhost = vhost
        self.amqp_url = amqp_url


@contextmanager
def running_gateway(
    broker: Node | Cluster, directory: Path, kind: type[Stack] = QuickStack, /, **changes: str
) -> Iterator[Gateway]:
    """Run everything, each process as its own broker user with no more rights than it needs.

    changes: settings in lower case without the prefix.
    """
    vhost = f"gateway-{next(_numbers)}"
    amqp_url = broker.add_vhost(vhost)
    apply(amqp_url)
    users = provide_users(amqp_url, broker.management_url, prefix=vhost)
    amqp_urls = {user.rights.role: user.url for user in users}
    smtp_port, http_port = free_port(), free_port()
    api_port, console_port = free_port(), free_port()
    settings = sandbox_settings(smtp_port, http_port) | {
        "GATEWAY_API_PORT": str(api_port),
        "GATEWAY_CONSOLE_PORT": str(console_port),
        "GATEWAY_RETRY_DELAYS": "1s,1s,2s,5s,5s,5s",
        "GATEWAY_ENV_FILE": "/dev/null",
    }
    settings["GATEWAY_DATABASE_URL"] = f"sqlite:///{directory / 'gateway.db'}"
    settings |= {f"GATEWAY_{name.upper()}": value for name, value in changes.items()}
    upgrade(settings["GATEWAY_DATABASE_URL"])
    services = [sandbox_service(smtp_port, http_port), *gateway_services(settings, amqp_urls)]
    with kind(directory, services) as stack:
        gateway = Gateway(
            stack,
            vhost,
            amqp_url,
            f"http://127.0.0.1:{api_port}",
            f"http://127.0.0.1:{console_port}",
            f"http://127.0.0.1:{http_port}",
        )
        with gateway.api, gateway.console, gateway.sandbox:
            until(lambda: answers(gateway.sandbox, "/inbox.json"), READY_S)
            until(lambda: answers(gateway.api, "/readyz"), READY_S)
            until(lambda: answers(gateway.console, "/readyz"), READY_S)
            yield gateway
    broker.delete_vhost(vhost)


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a path is answered with success."""
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False

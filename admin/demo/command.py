"""`gateway demo`: the whole gateway on this machine, with stand-in providers, in one command."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

import gateway_client
from admin.announcing import DEMO, announced, env_file_of
from admin.demo.board import DemoBoard, Example
from admin.demo.closing import look_here, places, print_closing
from admin.demo.live import show_live
from admin.live.screen import is_painted
from admin.live.streaming import Streaming
from admin.one_machine import (
    INBOX_PORT,
    MANAGEMENT_PORT,
    alone,
    await_answer,
    port_or_free,
    start_node,
)
from broker_topology.apply import apply, present, remove
from broker_topology.connect import mask_url
from common.channels import FACTS, Channel
from common.errors import GatewayError
from common.settings import load_settings
from deploy.local.node import Node, free_port
from deploy.local.stack import (
    Stack,
    check_sandbox,
    checkout,
    gateway_services,
    sandbox_address,
    sandbox_service,
    sandbox_settings,
)
from gateway_client import Gateway
from store.schema import upgrade

DEADLINE_S = 60.0
API_PORT, CONSOLE_PORT = 8080, 8090
# Shorter than in earnest, where the second try comes after 5 s and the third after 30 s more.
RETRY_DELAYS = "2s,4s,8s"
BROKER_PASSWORD = "demo-only"  # noqa: S105  shown on screen; the broker listens on loopback only


def examples(inbox: str) -> tuple[Example, ...]:
    """What is sent; inbox: the address of the stand-in providers."""
    return (
        *(
            Example(
                facts.message.partition(" ")[2],
                f"{channel}:{sandbox_address(channel, inbox)}",
                "sent",
                subject="Order shipped" if channel is Channel.EMAIL else None,
            )
            for channel, facts in FACTS.items()
        ),
        Example("refused twice", "email:twice+al@example.com", "sent", subject="Invoice"),
        Example("refused for good", "telegram:900001001", "failed"),
    )


class DemoError(GatewayError):
    """The demo cannot run here, or did not end as it should."""


def demo(
    exit_: Annotated[
        bool, typer.Option("--exit", help="Stop everything and exit when all have arrived.")
    ] = False,
) -> None:
    """Send real notifications through a private RabbitMQ to stand-in providers, and watch them.

    With --exit the exit code is 0 only if every notification ended as it should.
    """
    check_sandbox()
    console = Console()
    directory = checkout() / ".gateway" / "demo"
    is_up = False
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(directory.with_name("demo.lock"), "a demo of this checkout"))
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(exist_ok=True)
            console.print(
                "Starting RabbitMQ, the stand-in providers, API, console, journal and the senders …"
            )
            broker = stack.enter_context(_broker(directory))
            api, console_url, inbox = stack.enter_context(_gateway(directory, broker))
            is_up = True
            shown = examples(inbox)
            board = DemoBoard(shown)
            streaming = stack.enter_context(Streaming(api, board.note))
            _play(console, board, shown, streaming, api)
            where = [] if exit_ else [*places(api, console_url, inbox, broker.page)]
            print_closing(console, board.failures(), inbox, where)
            if exit_:
                if not board.is_as_expected:
                    raise DemoError(f"not every notification ended as it should; logs: {directory}")
                return
            console.print("\nEverything stays up. Press Ctrl-C to stop.")
            for text in look_here(console_url, inbox, board.failures()):
                console.print(Text(text), soft_wrap=True)
            show_live(console, board, streaming)
        except KeyboardInterrupt:
            console.print("\nStopping …")
            if exit_ or not is_up:
                raise


@dataclass(frozen=True)
class _Broker:
    """Where the demo's broker is; management_url: of a private one."""

    url: str
    management_url: str | None = None

    @property
    def page(self) -> list[str]:
        """Where its management page is, in lines."""
        if self.management_url is None:
            return [f"of {mask_url(self.url)}"]
        return [self.management_url, f"user demo, password {BROKER_PASSWORD}"]

    @property
    def settings(self) -> dict[str, str]:
        """What who uses it needs to know."""
        page = {"GATEWAY_MANAGEMENT_URL": self.management_url} if self.management_url else {}
        return {"GATEWAY_AMQP_URL": self.url, **page}


@contextmanager
def _broker(directory: Path) -> Iterator[_Broker]:
    """The broker that the demo runs on.

    A private node, or the broker of GATEWAY_AMQP_URL: there the demo declares its topology, and
    removes it at the end, only where no gateway lives yet.
    """
    if given := _given_url():
        if present(given):
            raise DemoError(
                f"{mask_url(given)} has a gateway's queues already, whose messages the demo would "
                "swallow; name an empty vhost, or unset GATEWAY_AMQP_URL for a private broker"
            )
        try:
            apply(given)
            yield _Broker(given)
        finally:
            remove(given)
        return

    def create(port: int) -> Node:
        return Node.create(
            directory / "broker", user="demo", password=BROKER_PASSWORD, management_port=port
        )

    with start_node(create, MANAGEMENT_PORT) as node:
        apply(node.amqp_url())
        yield _Broker(node.amqp_url(), node.management_url)


def _given_url() -> str | None:
    """The broker that the environment names, itself or by file; `.env` has no say in a demo."""
    settings = load_settings(
        {name: value for name, value in os.environ.items() if name.startswith("GATEWAY_AMQP_")}
    )
    return settings.broker_url if "amqp_url" in settings.model_fields_set else None


@contextmanager
def _gateway(directory: Path, broker: _Broker) -> Iterator[tuple[str, str, str]]:
    """Run everything; yields the addresses of the API, of the console and of the inbox."""
    smtp_port, http_port = free_port(), port_or_free(INBOX_PORT)
    api_port, console_port = port_or_free(API_PORT), port_or_free(CONSOLE_PORT)
    known = sandbox_settings(smtp_port, http_port) | broker.settings
    known |= {"GATEWAY_API_PORT": str(api_port), "GATEWAY_CONSOLE_PORT": str(console_port)}
    known |= {"GATEWAY_RETRY_DELAYS": RETRY_DELAYS, "GATEWAY_CONSOLE_SIGN_IN": "no"}
    store_url = f"sqlite:///{directory / 'gateway.db'}"
    known |= {"GATEWAY_DATABASE_URL": store_url}
    upgrade(store_url)
    settings = known | {"GATEWAY_ENV_FILE": os.devnull}
    services = [sandbox_service(smtp_port, http_port), *gateway_services(settings)]
    with Stack(directory, services) as stack:
        api = f"http://127.0.0.1:{api_port}"
        console = f"http://127.0.0.1:{console_port}"
        inbox = f"http://127.0.0.1:{http_port}"
        for name, address in (
            ("sandbox", f"{inbox}/inbox.json"),
            ("api", f"{api}/readyz"),
            ("console", f"{console}/readyz"),
        ):
            await_answer(address, name, stack)
        with announced(DEMO, env_file_of(DEMO), known):
            yield api, console, inbox


def _play(
    console: Console, board: DemoBoard, shown: Sequence[Example], streaming: Streaming, api: str
) -> None:
    """POST every example and show how far each has come, until all have ended or time is over."""
    if fault := streaming.await_ready(10):
        raise DemoError(f"what becomes of notifications cannot be followed: {fault}")
    try:
        with Gateway(api) as gateway:
            for example in shown:
                accepted = gateway.send(**example.request())
                board.accepted(example, accepted.deliveries[0].id)
    except gateway_client.GatewayError as error:
        raise DemoError(f"the API did not take a notification: {error}") from error
    _show_until_done(console, board)


def _show_until_done(console: Console, board: DemoBoard) -> None:
    deadline = time.monotonic() + DEADLINE_S

    def picture() -> RenderableType:
        return board.table(console.width)

    def wait() -> None:
        while not board.is_done and time.monotonic() < deadline:
            time.sleep(0.05)

    if not is_painted(console):
        wait()
        console.print(picture())
        return
    with Live(console=console, get_renderable=picture, refresh_per_second=8):
        wait()

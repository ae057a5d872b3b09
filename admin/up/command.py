"""`gateway up`: the whole gateway on this machine, with your own settings."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from admin.announcing import UP, announced, env_file_of, holder_of, texts_of
from admin.api_client import api_url, console_url
from admin.doctor.settings import configured_channels, configured_roles, settings_faults
from admin.live.following import Following
from admin.live.screen import Guarded, fold, is_painted
from admin.one_machine import (
    INBOX_PORT,
    OneMachineError,
    alone,
    await_answer,
    expect_mendable,
    port_or_free,
)
from admin.up.board import Addresses, UpBoard, heading
from admin.up.broker import PrivateBroker
from admin.up.env_file import write_env_file
from admin.up.tally import Tally
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.rights import JOURNAL, sender
from common.channels import FACTS, Channel, channel_of
from common.errors import GatewayError, SettingsError
from common.given import PREFIX, env_file
from common.http.listening import listen
from common.settings import Settings, load_settings
from deploy.local.node import free_port
from deploy.local.stack import (
    Service,
    Stack,
    checkout,
    gateway_services,
    sandbox_service,
    sandbox_settings,
)
from store.schema import upgrade

_LOOK_S = 0.25


@dataclass(frozen=True)
class Plan:
    """What is started: services, the settings that they get beside yours, and the addresses.

    added: settings that are not yours; inbox: address of the stand-in providers' inbox, None when
    every channel has credentials.
    """

    settings: Settings
    services: list[Service]
    added: Mapping[str, str]
    api: str
    console: str
    inbox: str | None


def up(
    init: Annotated[
        bool, typer.Option("--init", help="Only write a commented .env to begin with.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="Directory of broker data and logs; .gateway of the checkout otherwise."),
    ] = None,
) -> None:
    """Run the whole gateway on this machine with the settings of `.env` or the environment.

    Channels without credentials send to the stand-in providers. Without GATEWAY_AMQP_URL a private
    RabbitMQ is started, whose messages are kept between runs. What dies is started again; Ctrl-C
    stops everything in order. Nothing starts while a setting is wrong. Logs: .gateway/logs/.
    """
    console = Console(highlight=False)
    if init:
        write_env_file(env_file())
        console.print(
            f"Wrote {env_file()} with a new GATEWAY_API_KEY and GATEWAY_CONSOLE_KEY, and every "
            "other setting commented out: "
            "set your credentials there, then run `gateway up`.",
            soft_wrap=True,
        )
        return
    directory = (state or checkout() / ".gateway").absolute()
    is_up = False
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(directory / "up.lock", f"`gateway up` with {directory}"))
            board = _start(console, directory, stack)
            is_up = True
            _watch(console, board)
        except KeyboardInterrupt:
            console.print("\nStopping …")
            if not is_up:
                raise


def _start(console: Console, directory: Path, stack: ExitStack) -> UpBoard:
    """Start everything, and say what is where. Raises GatewayError."""
    broker: PrivateBroker | None = PrivateBroker(directory / "broker")
    settings = load_settings()
    if broker is not None and not _is_private(settings, broker):
        broker = None
    if faults := settings_faults(settings, configured_roles(settings)):
        raise SettingsError("\n".join(faults))
    plan = _plan(settings, broker, directory)
    _start_broker(console, settings, broker, stack)
    upgrade(plan.settings.store_url)
    tally = Tally()
    url = settings.broker_url if broker is None else broker.login.url
    following = stack.enter_context(Following(url, tally.hear, lost=tally.miss))
    services = Stack(directory, plan.services, stop_timeout_s=settings.stop_timeout_s + 5)
    stack.enter_context(services)
    for name, address in (("api", plan.api), ("console", plan.console)):
        await_answer(f"{address}/readyz", name, services)
    stack.enter_context(_announced(plan, broker, directory))
    places = {channel: _place(channel, settings) for channel in configured_channels(settings)}
    where = Addresses(plan.api, plan.console, plan.inbox)
    for line in heading(plan.settings, where, places, broker, directory):
        console.print(line, soft_wrap=True)  # addresses are for copying
    return UpBoard(services, broker, tally, following)


def _announced(
    plan: Plan, broker: PrivateBroker | None, directory: Path
) -> AbstractContextManager[None]:
    """Let other commands find what runs here."""
    settings = texts_of(plan.settings) | dict(plan.added)
    if broker is not None:
        settings |= {"GATEWAY_MANAGEMENT_URL": broker.management_url}
    return announced(UP, env_file_of(UP, directory), settings)


def _is_private(settings: Settings, broker: PrivateBroker) -> bool:
    """Whether no other broker is named: none at all, or our own by its file."""
    given = settings.amqp_url.get_secret_value()
    return "amqp_url" not in settings.model_fields_set or given == broker.login.url


def _start_broker(
    console: Console, settings: Settings, broker: PrivateBroker | None, stack: ExitStack
) -> None:
    """A broker that runs and has the topology."""
    if broker is not None:
        console.print("Starting the private RabbitMQ …")
        stack.callback(broker.stop)
        broker.start()
    elif not check(settings.broker_url, settings.management_api).same:
        apply(settings.broker_url)


def _plan(settings: Settings, broker: PrivateBroker | None, directory: Path) -> Plan:
    """Raises GatewayError when the API or the console could not listen."""
    added: dict[str, str] = {}
    if settings.state_dir is None:
        settings = settings.model_copy(update={"state_dir": directory})
        added["GATEWAY_STATE_DIR"] = str(directory)
    if settings.api_port == 0:
        settings = settings.model_copy(update={"api_port": free_port()})
        added["GATEWAY_API_PORT"] = str(settings.api_port)
    if (port := _console_port(settings)) != settings.console_port:
        settings = settings.model_copy(update={"console_port": port})
        added["GATEWAY_CONSOLE_PORT"] = str(port)
    _expect_free_port(settings, directory)
    if broker is not None and "amqp_url" not in settings.model_fields_set:
        added["GATEWAY_AMQP_URL"] = broker.login.url
    missing = [channel for channel in Channel if channel not in configured_channels(settings)]
    services, inbox = [], None
    if missing:
        smtp_port, http_port = free_port(), port_or_free(INBOX_PORT)
        services.append(sandbox_service(smtp_port, http_port))
        inbox = f"http://127.0.0.1:{http_port}"
        added |= _stand_ins(missing, sandbox_settings(smtp_port, http_port))
    services += [_with_yours(one, settings) for one in gateway_services(added)]
    return Plan(settings, services, added, api_url(settings), console_url(settings), inbox)


def _console_port(settings: Settings) -> int:
    """The port that was asked for; where nobody asked for one, a free one if need be."""
    if settings.console_port == 0:
        return free_port()
    if "console_port" in settings.model_fields_set:
        return settings.console_port
    return port_or_free(settings.console_port)


def _expect_free_port(settings: Settings, directory: Path) -> None:
    """Raises GatewayError when the API or the console could not listen."""
    for listener in listen(settings.console_host, settings.console_port, "GATEWAY_CONSOLE"):
        listener.close()
    try:
        for listener in listen(settings.api_host, settings.api_port, "GATEWAY_API"):
            listener.close()
    except GatewayError:
        if holder := holder_of(settings.api_port, directory):
            raise OneMachineError(
                f"{holder} runs here and has port {settings.api_port}: stop it, or set "
                "GATEWAY_API_PORT to another port (0 picks a free one)"
            ) from None
        raise


def _stand_ins(channels: list[Channel], all_stand_ins: Mapping[str, str]) -> dict[str, str]:
    """The settings that send these channels to the stand-in providers."""
    return {
        variable: value
        for variable, value in all_stand_ins.items()
        if channel_of(variable.removeprefix(PREFIX).lower()) in channels
    }


def _with_yours(service: Service, settings: Settings) -> Service:
    """A service with your environment and `.env`; each with its own metrics port."""
    own: dict[str, str] = {}
    names = [*(sender(channel) for channel in Channel), JOURNAL]
    if settings.metrics_port and service.name in names:
        own["GATEWAY_METRICS_PORT"] = str(settings.metrics_port + names.index(service.name))
    return replace(service, environment={**os.environ, **service.environment, **own})


def _place(channel: Channel, settings: Settings) -> str:
    """Where a channel with credentials sends, without them."""
    if (setting := FACTS[channel].url) is None:
        return "wherever each address leads"
    given = getattr(settings, setting)
    url = given.get_secret_value() if isinstance(given, SecretStr) else given or ""
    return url.partition("://")[2].rpartition("@")[2].partition("?")[0].rstrip("/")


def _watch(console: Console, board: UpBoard) -> None:
    """Show how everything is until Ctrl-C, and keep the broker up; the stack keeps the rest up.

    Raises OneMachineError when a process has ended that no restart can mend.
    """

    def look() -> None:
        if board.broker is not None:
            board.broker.keep_up()
        time.sleep(_LOOK_S)
        expect_mendable(board.stack)  # before the board tells of one more restart

    def picture() -> RenderableType:
        return board.picture(console.width)

    if is_painted(console):
        board_now = Guarded(picture)
        with Live(console=console, get_renderable=lambda: board_now, refresh_per_second=4):
            while True:
                look()
    while True:
        for line in board.news():
            console.print(Text(fold(console, line)), soft_wrap=True)
        look()

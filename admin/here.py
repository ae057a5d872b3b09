"""Which gateway a command works on: the one that is named, or the one that runs here.

A command that no broker is named to takes its settings from what runs here (`admin.announcing`).
"""

import shlex
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from admin.announcing import ADDRESSES, ANNOUNCED, running
from broker_topology.connect import mask_url
from common.broker.urls import split_urls, urls_fault
from common.channels import channel_of
from common.errors import ArgumentError, GatewayError
from common.hosts import http_base
from common.settings import Settings, load_settings

EnvFile = Annotated[
    Path | None,
    typer.Option(
        help="Settings of the gateway to work on, in a file like .env; nothing else is read then. "
        "If not given: .env and the environment, and where these name no broker the gateway that "
        "runs from this checkout."
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Broker, amqp://user:password@host/vhost, several nodes separated by commas; "
        "GATEWAY_AMQP_URL if not given.",
    ),
]
ManagementUrl = Annotated[
    str | None,
    typer.Option(
        help="Management API, several nodes separated by commas; GATEWAY_MANAGEMENT_URL if not "
        "given."
    ),
]


class NothingHereError(GatewayError):
    """No gateway runs here, no broker answers where one is looked for, and none is named."""


@dataclass(frozen=True)
class Place:
    """The broker that a command works on, and all settings that go with it."""

    settings: Settings
    url: str
    management_url: str | None


def settings_here(env_file: Path | None = None) -> Settings:
    """The settings of the gateway that a command works on; says on stderr when it has found it.

    Broker, API and their secrets are all from one place: from what runs here, unless the
    environment or `.env` name addresses of another gateway. The own GATEWAY_API_KEY is shown to
    what runs here only if that has made it. Raises SettingsError, and ArgumentError when two
    gateways run here or the file is not there.
    """
    if env_file is not None:
        return _read(env_file)
    own = load_settings()
    named = [name for name in ADDRESSES if name in own.model_fields_set]
    found = running(own.state_directory, must_know=not named)
    found = [one for one in found if all(_fits(name, own, one.settings) for name in named)]
    if not found:
        return own
    if len(found) > 1:
        files = " or ".join(f"--env-file {shlex.quote(str(one.file))}" for one in found)
        raise ArgumentError(f"The demo and `gateway up` both run here: say which, with {files}.")
    [one] = found
    print(f"gateway: using {one.name} that runs here; --env-file names another", file=sys.stderr)
    together = _together(one.settings, own)
    if own.api_key is None or together.api_key is not None:
        return together
    from admin.access.known import is_key_of  # what reads stores takes a moment to load

    is_its_own = is_key_of(together, own.api_key.get_secret_value())
    return together.model_copy(update={"api_key": own.api_key}) if is_its_own else together


def place_here(
    url: str | None,
    env_file: Path | None = None,
    management_url: str | None = None,
    *,
    is_asked: bool = True,
) -> Place:
    """The broker that a command works on: that of the URL, or of `settings_here`.

    is_asked: whether the broker has to answer. Raises SettingsError, ArgumentError, and
    NothingHereError.
    """
    if url and (fault := urls_fault(url)):
        raise ArgumentError(f"--url {mask_url(url)} {fault}.")
    if management_url is not None:
        check_management(management_url)
    if url:
        settings = load_settings() if env_file is None else _read(env_file)
        return Place(settings, settings.broker_url_of(url), management_url)
    settings = settings_here(env_file)
    if is_asked:
        expect_broker(settings)
    return Place(
        settings,
        settings.broker_url,
        management_url or settings.management_api,
    )


def check_management(given: str) -> None:
    """Raise ArgumentError unless these are addresses of management APIs."""
    for url in given.split(","):
        if not http_base(url.strip()):
            raise ArgumentError(
                f"--management-url {mask_url(url)!r} is no address such as "
                "http://broker.example.com:15672."
            )


def _fits(name: str, own: Settings, running: Settings) -> bool:
    """Whether an address that the own settings name may be that of a running gateway."""
    is_any_port: bool = name in ("api_port", "console_port") and getattr(own, name) == 0
    return is_any_port or bool(getattr(own, name) == getattr(running, name))


def _together(running: Settings, own: Settings) -> Settings:
    """A running gateway's settings, and the own ones beside them.

    Whole are: what was announced, which is the running one's, and each channel, which is the own
    one's if anything of it is set.
    """
    added = {name for name in own.model_fields_set if name not in ANNOUNCED}
    channels = {channel_of(name) for name in added} - {None}
    kept = [
        name
        for name in running.model_fields_set
        if name in ANNOUNCED or channel_of(name) not in channels
    ]
    chosen = {name: getattr(running, name) for name in kept}
    return Settings().model_copy(update=chosen | {name: getattr(own, name) for name in added})


def _read(file: Path) -> Settings:
    """The settings of a file like `.env`, and no others."""
    if not file.is_file():
        raise ArgumentError(f"--env-file {file}: there is no such file.")
    return load_settings(file=file)


def expect_broker(settings: Settings) -> None:
    """Raise NothingHereError when nobody has named a broker, and none is where it usually is."""
    if "amqp_url" in settings.model_fields_set:
        return
    parts = urlsplit(split_urls(settings.amqp_url.get_secret_value())[0])
    address = (parts.hostname or "127.0.0.1", parts.port or 5672)
    with suppress(OSError), socket.create_connection(address, timeout=2):
        return
    raise NothingHereError(
        f"No gateway runs here, and no broker answers at {address[0]}:{address[1]}: start "
        f"`gateway demo` or `gateway up`, or name a broker with GATEWAY_AMQP_URL or --env-file."
    )

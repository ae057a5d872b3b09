"""The options of commands that the API answers: which API, and whether recipients are shown."""

from dataclasses import dataclass
from typing import Annotated

import typer

from admin.api_client import Api, api_url, check_api_url
from admin.here import EnvFile, settings_here
from broker_topology.dead_letters.selection import parse_moment
from common.errors import ArgumentError
from common.settings import Settings, load_settings, parse_duration_s
from common.times import utc_now

Whole = Annotated[bool, typer.Option("--whole", help="Show recipients whole, not masked.")]


@dataclass(frozen=True)
class ApiOptions:
    """Whose notifications."""

    api: Annotated[
        str | None,
        typer.Option(help="The API's address; of GATEWAY_API_HOST and _PORT if not given."),
    ] = None
    env_file: EnvFile = None

    def opened(self) -> Api:
        """The API, with the key of the settings. Raises typer.BadParameter, and SettingsError."""
        by_name = self.api is not None and self.env_file is None
        settings = load_settings() if by_name else settings_here(self.env_file)
        address = address_of(self.api, settings)
        return Api(address, settings.api_key.get_secret_value() if settings.api_key else None)


def address_of(api: str | None, settings: Settings) -> str:
    """The API's. Raises typer.BadParameter, and SettingsError when nothing names it."""
    try:
        return check_api_url(api) if api else api_url(settings)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--api") from None


def read_moment(text: str | None) -> str | None:
    """`2026-05-01`, `2026-05-01T12:30` or `2h` (ago) as the API takes it. Raises ArgumentError."""
    try:
        return parse_moment(text, utc_now()).isoformat() if text else None
    except ValueError as error:
        raise ArgumentError(f"{error}.") from error


def read_timeout_s(text: str) -> float:
    """`30s`, `2m` or `1h`. Raises typer.BadParameter."""
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from None

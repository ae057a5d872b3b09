"""Every setting once: type, unit, default, description; cross-checked at start."""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator

from common.hosts import http_base
from common.settings.broker import BrokerSettings
from common.settings.channels import ChannelSettings
from common.settings.signing_in import SignInSettings
from common.settings.store import StoreSettings
from common.settings.values import Delays, Origins, SettingsGroup, setting


class ApiSettings(SettingsGroup):
    """How the API listens, and what it lets in."""

    api_host: str = setting("127.0.0.1", "address the API listens on")
    api_port: int = setting(8080, "port the API listens on; 0 picks a free one", ge=0, le=65535)
    api_workers: int = setting(
        1,
        "processes that serve the API's port together, about one for each core; connection "
        "limits hold for each of them",
        ge=1,
        le=64,
    )
    api_key: SecretStr | None = setting(
        None,
        "bearer token clients must send, which may do everything; required unless the API listens "
        "on loopback only, or keys of `gateway keys` are (at least 16 characters)",
    )
    api_key_required: bool = setting(
        False,
        "refuse requests without a key also while there is none: with keys of `gateway keys` alone "
        "the API then listens on any address",
    )
    rate_limit_url: SecretStr | None = setting(
        None,
        "Redis in which replicas of the API count a key's requests together, "
        "`redis://:password@host:6379/0`, `rediss://` with TLS; if not given, each process counts "
        "those it gets",
    )
    api_live_origins: Origins | None = setting(
        None,
        "sites whose pages may follow notifications with a token from `POST /v1/live-tokens`, "
        "comma-separated: `https://shop.example.com`",
    )
    api_max_connections: int = setting(
        10_000,
        "most connections to the API at once; fewer when the limit on open files is lower",
        ge=1,
    )
    api_max_connections_per_client: int = setting(
        2000,
        "most of them from one address (IPv6: from one /64); a proxy counts as one client",
        ge=1,
    )
    api_header_timeout_s: float = setting(
        10.0, "how long a request's head may take, and the first one to begin", gt=0, le=300
    )
    api_idle_timeout_s: float = setting(
        65.0,
        "how long the API keeps a connection without a request; longer than a proxy in front does",
        gt=0,
        le=3600,
    )
    max_body_bytes: int = setting(1024 * 1024, "largest request body", ge=1024, le=64 * 1024 * 1024)
    expires_in_s: int = setting(
        86_400,
        "how long a notification that does not say is tried before it is a dead letter",
        ge=1,
        le=2_592_000,
    )

    @model_validator(mode="after")
    def _check_api(self) -> Self:
        if self.api_key is not None:
            _check_key("GATEWAY_API_KEY", self.api_key.get_secret_value())
        url = self.rate_limit_url
        if url and not url.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError(
                "GATEWAY_RATE_LIMIT_URL is no address such as redis://:password@host:6379/0"
            )
        return self


def _check_key(name: str, key: str) -> None:
    """Raises ValueError."""
    if len(key) < 16:
        raise ValueError(f"{name} is shorter than 16 characters; make a longer one")
    if not (key.isascii() and key.isprintable()):
        raise ValueError(
            f"{name} has characters that no HTTP header carries; make one of letters and digits"
        )


class ConsoleSettings(ApiSettings):
    """How the console listens; bodies and heads are bounded as the API's are."""

    console_host: str = setting(
        "127.0.0.1", "address the console listens on; never one that is reachable from outside"
    )
    console_port: int = setting(
        8090, "port the console listens on; 0 picks a free one", ge=0, le=65535
    )
    console_key: SecretStr | None = setting(
        None,
        "bearer token for the console's HTTP, another one than the API's, which opens its pages to "
        "an administrator too; required unless the console listens on loopback only (at least 16 "
        "characters)",
    )

    console_keep_archives_days: int = setting(
        7,
        "days for which the console keeps what it discarded, in `dead-letters/console` of the "
        "state directory, so that it can be put back",
        ge=1,
        le=36_500,
    )

    @model_validator(mode="after")
    def _check_console(self) -> Self:
        if self.console_key is None:
            return self
        _check_key("GATEWAY_CONSOLE_KEY", self.console_key.get_secret_value())
        if self.console_key == self.api_key:
            raise ValueError(
                "GATEWAY_CONSOLE_KEY is the same as GATEWAY_API_KEY, so whoever may send could "
                "work on dead letters too; make another one"
            )
        return self


class SenderSettings(SettingsGroup):
    """How long and how often every channel's sender tries, and what it remembers."""

    retry_delays: Delays = setting(
        (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0),
        "delays before the second, third, … attempt, each ±20 %; when they are used up the "
        "delivery is a dead letter",
        "5s,30s,2m,10m,30m,1h,3h,6h",
    )
    probe_interval_s: float = setting(
        60.0,
        "how often an account that the provider refuses (wrong password, say) is tried again",
        gt=0,
    )
    poison_after: int = setting(
        10,
        "redeliveries after which a message is tried under watch; a dead letter when three such "
        "attempts have not ended",
        ge=2,
        le=19,
    )
    sent_memory: int = setting(
        10_000, "deliveries a sender remembers as sent, to not send a redelivery twice", ge=0
    )
    stop_timeout_s: float = setting(
        25.0, "how long a stopping process lets work in hand finish", gt=0, le=600
    )


class ProcessSettings(SettingsGroup):
    """What every process keeps and tells of itself."""

    state_dir: Path | None = setting(
        None,
        "directory of files that are kept: discarded dead letters, a store in SQLite; `.gateway` "
        "of the checkout if not given",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "least severe log line written"
    )
    log_format: Literal["auto", "json", "console"] = setting(
        "auto", "log lines as JSON or for people; auto: for people on a terminal"
    )
    metrics_port: int | None = setting(
        None,
        "port of a sender's `/metrics`, `/healthz` and `/readyz` (9464 in the image); 0 picks a "
        "free one; the API and the console serve them on their own ports",
        ge=0,
        le=65535,
    )
    metrics_host: str = setting("127.0.0.1", "address of that port")
    otlp_endpoint: str | None = setting(
        None,
        "OpenTelemetry collector that takes traces (OTLP over HTTP), such as "
        "`http://collector:4318`; off when not set",
    )
    trace_ratio: float = setting(
        1.0, "part of the requests without a `traceparent` of their own that are traced", ge=0, le=1
    )

    @model_validator(mode="after")
    def _check_process(self) -> Self:
        if self.otlp_endpoint and not http_base(self.otlp_endpoint):
            raise ValueError(
                "GATEWAY_OTLP_ENDPOINT must be an address such as http://collector:4318 or "
                "https://…"
            )
        return self

    @property
    def state_directory(self) -> Path:
        """Where files are kept: `state_dir`, or `.gateway` beside the code."""
        return (self.state_dir or Path(__file__).resolve().parents[2] / ".gateway").absolute()


# pydantic has the fields of the last base first.
class Settings(
    ProcessSettings,
    SenderSettings,
    ChannelSettings,
    StoreSettings,
    SignInSettings,
    ConsoleSettings,
    BrokerSettings,
):
    """All settings of all processes. Load with `load_settings`, build directly in tests."""

    @property
    def store_url(self) -> str:
        """Where the store is: `database_url`, or SQLite in the state directory."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state_directory / 'gateway.db'}"

"""Every setting once: type, unit, default, description; cross-checked at start.

Read from the environment and from `.env` in the working directory, or the file that
`GATEWAY_ENV_FILE` names (the environment wins). Each may also be given as `GATEWAY_<NAME>_FILE`,
the path of a file that holds the value. `python -m common.settings` prints the table of
docs/settings.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from common.broker.urls import is_http, urls_fault
from common.envelope import Priority
from common.errors import SettingsError
from common.faults import sentence_of
from common.given import PREFIX, read_env_file, read_given, texts_of
from common.misspelt import misspelt, unread
from common.tls import with_tls_files

# Of an email: what the gateway or a mail server writes, or what would change who it goes to.
_OWN_HEADERS = re.compile(
    "from|sender|reply-to|to|cc|bcc|subject|date|message-id|auto-submitted|mime-version|received"
    "|return-path|dkim-signature|(content|resent|arc|x-gateway)-.*",
    re.IGNORECASE,
)
_MOST_SHOWN = 60  # characters of a wrong value
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `per_s` seconds, evenly spaced; written `30/s`, `20/min`, `1000/h`."""

    count: float
    per_s: float

    @property
    def interval_s(self) -> float:
        """Seconds between two sends."""
        return self.per_s / self.count


def parse_duration_s(text: str) -> float:
    """`30s`, `2m`, `1h`, `500ms`, `1d` to seconds. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|min|h|d)", text.strip())
    if not match:
        raise ValueError(f"{text.strip()!r} is not a duration such as 30s, 2m or 1h")
    return float(match[1]) * _UNIT_S[match[2]]


def _delays(value: Any) -> Any:
    return (
        tuple(parse_duration_s(part) for part in value.split(","))
        if isinstance(value, str)
        else value
    )


def _rate(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|m|h|d)", value.strip())
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{value!r} is not a rate such as 30/s or 20/min")
    return Rate(float(match[1]), _UNIT_S[match[2]])


def _lanes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    lanes: dict[Priority, int] = {}
    for part in value.split(","):
        name, _, count = part.strip().partition(":")
        if name not in list(Priority) or not count.isdigit():
            raise ValueError(f"{part.strip()!r} is not <priority>:<lanes> such as normal:4")
        lanes[Priority(name)] = int(count)
    return lanes


def _header_names(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    names = [part.strip() for part in value.split(",")]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,70}", name):
            raise ValueError(f"{name!r} is not the name of a header, such as X-Campaign")
        if _OWN_HEADERS.fullmatch(name):
            raise ValueError(f"{name} is not for clients to set; remove it from the list")
    return frozenset(name.lower() for name in names)


Delays = Annotated[tuple[float, ...], BeforeValidator(_delays), Field(min_length=1, max_length=50)]
RateText = Annotated[Rate, BeforeValidator(_rate)]
Lanes = Annotated[dict[Priority, Annotated[int, Field(ge=0, le=64)]], BeforeValidator(_lanes)]
HeaderNames = Annotated[frozenset[str], BeforeValidator(_header_names)]


def _setting(default: Any, description: str, shown: str | None = None, **limits: Any) -> Any:
    """A field with its description; `shown` is the default as a person writes it."""
    return Field(default, description=description, json_schema_extra={"shown": shown}, **limits)


_LANES = {Priority.HIGH: 2, Priority.NORMAL: 4, Priority.BULK: 2}
_LANES_SHOWN = "high:2,normal:4,bulk:2"
_LANES_TEXT = "lanes per priority queue: how many messages one sender process has in hand at once"


class Settings(BaseModel):
    """All settings of all processes. Load with `load_settings`, build directly in tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amqp_url: SecretStr = _setting(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        "broker, `amqp://user:password@host:port/vhost` or `amqps://…`; of several nodes all their "
        "URLs, separated by commas; a vhost's own slash is written %2F, a password's comma %2C",
        "amqp://guest:guest@127.0.0.1:5672/",
    )
    amqp_ca_file: Path | None = _setting(
        None,
        "PEM file of the authority that signed the broker's certificate (`amqps://`); without it "
        "the system's authorities count",
    )
    amqp_cert_file: Path | None = _setting(
        None, "PEM file of the certificate that is shown to a broker that demands one"
    )
    amqp_key_file: Path | None = _setting(None, "PEM file of that certificate's key, unencrypted")
    operator_amqp_url: SecretStr | None = _setting(
        None,
        "the same broker as its operator user, for dead letters: `/v1/dead-letters` and "
        "`gateway dead`; without it these use GATEWAY_AMQP_URL",
    )
    management_url: SecretStr | None = _setting(
        None,
        "the broker's management API, `http://user:password@host:15672`, of several nodes "
        "separated by commas; without it port 15672 (15671 for `amqps://`) of the broker's hosts; "
        "without an account the broker's",
    )
    publish_timeout_s: float = _setting(
        4.0, "how long the API waits for the broker's confirm before it answers 503", gt=0, le=30
    )

    api_host: str = _setting("127.0.0.1", "address the API listens on")
    api_port: int = _setting(8080, "port the API listens on; 0 picks a free one", ge=0, le=65535)
    api_workers: int = _setting(
        1,
        "processes that serve the API's port together, about one for each core; connection "
        "limits hold for each of them",
        ge=1,
        le=64,
    )
    api_key: SecretStr | None = _setting(
        None,
        "bearer token clients must send; required unless the API listens on loopback only "
        "(at least 16 characters)",
    )
    api_max_connections: int = _setting(
        10_000,
        "most connections to the API at once; fewer when the limit on open files is lower",
        ge=1,
    )
    api_max_connections_per_client: int = _setting(
        2000,
        "most of them from one address (IPv6: from one /64); a proxy counts as one client",
        ge=1,
    )
    api_header_timeout_s: float = _setting(
        10.0, "how long a request's head may take, and the first one to begin", gt=0, le=300
    )
    api_idle_timeout_s: float = _setting(
        65.0,
        "how long the API keeps a connection without a request; longer than a proxy in front does",
        gt=0,
        le=3600,
    )
    max_body_bytes: int = _setting(
        1024 * 1024, "largest request body", ge=1024, le=64 * 1024 * 1024
    )
    expires_in_s: int = _setting(
        86_400,
        "how long a notification that does not say is tried before it is a dead letter",
        ge=1,
        le=2_592_000,
    )

    email_url: SecretStr | None = _setting(
        None,
        "mail server, `smtp://user:password@host:587` (STARTTLS), `smtps://…:465` (TLS from the "
        "start) or `smtp://host:25?starttls=no` (plain, loopback only); URL-encode the password",
    )
    email_from: str | None = _setting(None, "sender address of every email")
    email_from_name: str | None = _setting(
        None, "display name of the sender, unless given per email"
    )
    email_extra_headers: HeaderNames | None = _setting(
        None,
        "names of headers that clients may set beside those of docs/api.md, comma-separated; "
        "mind that relays take some `X-…` as commands",
    )
    email_ca_file: Path | None = _setting(
        None, "PEM file of the authority that signed the mail server's certificate"
    )
    email_auth: Literal["plain", "login", "cram-md5"] = _setting(
        "plain", "SMTP login mechanism; only this one is tried"
    )
    email_lanes: Lanes = _setting(_LANES, _LANES_TEXT, _LANES_SHOWN)
    email_rate: RateText | None = _setting(
        None, "most emails per time and sender process, such as `10/s`"
    )

    telegram_token: SecretStr | None = _setting(None, "bot token from @BotFather")
    telegram_api_url: str = _setting("https://api.telegram.org", "Bot API server")
    telegram_lanes: Lanes = _setting(_LANES, _LANES_TEXT, _LANES_SHOWN)
    telegram_rate: RateText | None = _setting(
        Rate(30, 1), "most Telegram messages per time and sender process", "30/s"
    )
    telegram_chat_rate: RateText | None = _setting(
        Rate(1, 1), "most Telegram messages to one private chat", "1/s"
    )
    telegram_group_rate: RateText | None = _setting(
        Rate(20, 60), "most Telegram messages to one group or channel", "20/min"
    )

    vk_token: SecretStr | None = _setting(None, "community access token with the right `messages`")
    vk_api_url: str = _setting("https://api.vk.ru", "VK API server")
    vk_lanes: Lanes = _setting(_LANES, _LANES_TEXT, _LANES_SHOWN)
    vk_rate: RateText | None = _setting(
        Rate(20, 1), "most VK calls per time and sender process", "20/s"
    )

    retry_delays: Delays = _setting(
        (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0),
        "delays before the second, third, … attempt, each ±20 %; when they are used up the "
        "delivery is a dead letter",
        "5s,30s,2m,10m,30m,1h,3h,6h",
    )
    probe_interval_s: float = _setting(
        60.0,
        "how often an account that the provider refuses (wrong password, say) is tried again",
        gt=0,
    )
    poison_after: int = _setting(
        10,
        "redeliveries after which a message is tried under watch; a dead letter when three such "
        "attempts have not ended",
        ge=2,
        le=19,
    )
    sent_memory: int = _setting(
        10_000, "deliveries a sender remembers as sent, to not send a redelivery twice", ge=0
    )
    stop_timeout_s: float = _setting(
        25.0, "how long a stopping process lets work in hand finish", gt=0, le=600
    )

    state_dir: Path | None = _setting(
        None,
        "directory of files that are kept: discarded dead letters; `.gateway` of the checkout if "
        "not given",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "least severe log line written"
    )
    log_format: Literal["auto", "json", "console"] = _setting(
        "auto", "log lines as JSON or for people; auto: for people on a terminal"
    )
    metrics_port: int | None = _setting(
        None,
        "port of a sender's `/metrics`, `/healthz` and `/readyz` (9464 in the image); 0 picks a "
        "free one; the API serves them on its own port",
        ge=0,
        le=65535,
    )
    metrics_host: str = _setting("127.0.0.1", "address of that port")
    otlp_endpoint: str | None = _setting(
        None,
        "OpenTelemetry collector that takes traces (OTLP over HTTP), such as "
        "`http://collector:4318`; off when not set",
    )
    trace_ratio: float = _setting(
        1.0, "part of the requests without a `traceparent` of their own that are traced", ge=0, le=1
    )

    @model_validator(mode="after")
    def _cross_check(self) -> Self:
        for problem in _contradictions(self):
            raise ValueError(problem)
        return self

    @property
    def broker_url(self) -> str:
        """The broker's whole address: `amqp_url` with the certificate files in each query."""
        return self.broker_url_of(self.amqp_url.get_secret_value())

    @property
    def operator_url(self) -> str:
        """The address with which dead letters are worked on: the operator's, if there is one."""
        return self.broker_url_of((self.operator_amqp_url or self.amqp_url).get_secret_value())

    @property
    def management_api(self) -> str | None:
        """Where the broker's management API was said to be."""
        return self.management_url.get_secret_value() if self.management_url else None

    @property
    def state_directory(self) -> Path:
        """Where files are kept: `state_dir`, or `.gateway` beside the code."""
        return (self.state_dir or Path(__file__).resolve().parents[1] / ".gateway").absolute()

    def broker_url_of(self, url: str) -> str:
        """The same for another URL of the broker, such as one given on the command line."""
        if not url.strip().startswith("amqps://"):
            return url
        files = {
            "cafile": self.amqp_ca_file,
            "certfile": self.amqp_cert_file,
            "keyfile": self.amqp_key_file,
        }
        return with_tls_files(url, files)

    def lanes(self, channel: str) -> dict[Priority, int]:
        """Lanes per priority of one channel."""
        lanes: dict[Priority, int] = getattr(self, f"{channel}_lanes")
        return lanes


def _contradictions(settings: Settings) -> list[str]:
    """Sentences about settings that cannot hold together, each naming the variables."""
    problems = _broker_contradictions(settings)
    if settings.api_key is not None and len(settings.api_key.get_secret_value()) < 16:
        problems.append("GATEWAY_API_KEY is shorter than 16 characters; make a longer one")
    if settings.email_url is not None:
        if _scheme(settings.email_url.get_secret_value()) not in ("smtp", "smtps"):
            problems.append("GATEWAY_EMAIL_URL must begin with smtp:// or smtps://")
        if not settings.email_from:
            problems.append(
                "GATEWAY_EMAIL_URL is set but GATEWAY_EMAIL_FROM, the sender address, is not"
            )
    if settings.otlp_endpoint and not _is_http_address(settings.otlp_endpoint):
        problems.append(
            "GATEWAY_OTLP_ENDPOINT must be an address such as http://collector:4318 or https://…"
        )
    return problems


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _is_http_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and parts.scheme in ("http", "https")


def _broker_contradictions(settings: Settings) -> list[str]:
    problems = [
        f"{PREFIX}{name.upper()} {fault}"
        for name in ("amqp_url", "operator_amqp_url")
        if (urls := getattr(settings, name)) and (fault := urls_fault(urls.get_secret_value()))
    ]
    management = settings.management_url
    if management and not all(
        is_http(one.strip()) for one in management.get_secret_value().split(",")
    ):
        problems.append(
            "GATEWAY_MANAGEMENT_URL is no address such as http://broker.example.com:15672"
        )
    is_plain = settings.amqp_url.get_secret_value().strip().startswith("amqp://")
    if is_plain and (settings.amqp_ca_file or settings.amqp_cert_file):
        variable = "GATEWAY_AMQP_CA_FILE" if settings.amqp_ca_file else "GATEWAY_AMQP_CERT_FILE"
        problems.append(
            f"{variable} is set, but GATEWAY_AMQP_URL begins with amqp://, which is not encrypted; "
            "write amqps:// and the broker's TLS port"
        )
    if bool(settings.amqp_cert_file) != bool(settings.amqp_key_file):
        here, not_here = ("CERT", "KEY") if settings.amqp_cert_file else ("KEY", "CERT")
        problems.append(
            f"GATEWAY_AMQP_{here}_FILE is set but GATEWAY_AMQP_{not_here}_FILE is not; a client "
            "certificate needs both"
        )
    return problems


def load_settings(
    environment: Mapping[str, str] | None = None, *, file: Path | None = None
) -> Settings:
    """Read the environment and `.env`, or only the mapping, or the file like `.env`, that is given.

    Raises SettingsError with one sentence per fault; values of secrets are never in it. A name
    that is near one of ours is a fault: what it was meant to set would be left at its default.
    """
    given = read_given(environment) if file is None else read_env_file(file)
    if faults := misspelt(given, Settings.model_fields):
        raise SettingsError("\n".join(faults))
    try:
        return Settings.model_validate(texts_of(given, Settings.model_fields))
    except ValidationError as error:
        faults = [_sentence(fault) for fault in error.errors(include_url=False)]
        raise SettingsError("\n".join(faults)) from None


def unknown_settings(
    environment: Mapping[str, str] | None = None, *, file: Path | None = None
) -> list[str]:
    """One sentence per `GATEWAY_*` variable that nobody reads, with the nearest known name."""
    given = read_given(environment) if file is None else read_env_file(file)
    return unread(given, Settings.model_fields)


def _sentence(fault: ErrorDetails) -> str:
    """`GATEWAY_API_PORT: must be a whole number, not 'http'`.

    What is about several settings together names them itself.
    """
    said = sentence_of(fault)
    if not fault["loc"]:
        return said
    name, *inside = map(str, fault["loc"])
    variable = f"{PREFIX}{name.upper()}"
    if fault["type"] == "value_error" or _is_secret(name):  # ours quote what they may
        return f"{variable}: {said}"
    given = str(fault["input"])
    quoted = repr(given if len(given) <= _MOST_SHOWN else f"{given[:_MOST_SHOWN]}…")
    return f"{variable}: {' '.join([*inside, said])}, not {quoted}"


def _is_secret(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))


def settings_table() -> str:
    """The Markdown table of docs/settings.md, made from the fields above."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        shown = extra.get("shown") if isinstance(extra, dict) else None
        default = shown or ("" if field.default is None else str(field.default))
        rows.append(
            f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default else 'not set'} "
            f"| {field.description} |"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(settings_table(), end="")

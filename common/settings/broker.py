"""Settings of the broker: where it is, whom it trusts, and what its URLs come to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import SecretStr, model_validator

from common.broker.urls import urls_fault
from common.hosts import http_base
from common.settings.values import SettingsGroup, setting
from common.tls import with_tls_files


class BrokerSettings(SettingsGroup):
    """What whoever talks to the broker needs."""

    amqp_url: SecretStr = setting(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        "broker, `amqp://user:password@host:port/vhost` or `amqps://…`; of several nodes all their "
        "URLs, separated by commas; a vhost's own slash is written %2F, a password's comma %2C",
        "amqp://guest:guest@127.0.0.1:5672/",
    )
    amqp_ca_file: Path | None = setting(
        None,
        "PEM file of the authority that signed the broker's certificate (`amqps://`); without it "
        "the system's authorities count",
    )
    amqp_cert_file: Path | None = setting(
        None, "PEM file of the certificate that is shown to a broker that demands one"
    )
    amqp_key_file: Path | None = setting(None, "PEM file of that certificate's key, unencrypted")
    management_url: SecretStr | None = setting(
        None,
        "the broker's management API, `http://user:password@host:15672`, of several nodes "
        "separated by commas; without it port 15672 (15671 for `amqps://`) of the broker's hosts; "
        "without an account the broker's",
    )
    publish_timeout_s: float = setting(
        4.0, "how long the API waits for the broker's confirm before it answers 503", gt=0, le=30
    )

    @model_validator(mode="after")
    def _check_broker(self) -> Self:
        for fault in _contradictions(self):
            raise ValueError(fault)
        return self

    @property
    def broker_url(self) -> str:
        """The broker's whole address: `amqp_url` with the certificate files in each query."""
        return self.broker_url_of(self.amqp_url.get_secret_value())

    @property
    def management_api(self) -> str | None:
        """Where the broker's management API was said to be."""
        return self.management_url.get_secret_value() if self.management_url else None

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


def _contradictions(settings: BrokerSettings) -> Iterator[str]:
    """Sentences about settings that cannot hold together, each naming the variables."""
    if fault := urls_fault(settings.amqp_url.get_secret_value()):
        yield f"GATEWAY_AMQP_URL {fault}"
    management = settings.management_url
    if management and not all(
        http_base(one.strip()) for one in management.get_secret_value().split(",")
    ):
        yield "GATEWAY_MANAGEMENT_URL is no address such as http://broker.example.com:15672"
    is_plain = settings.amqp_url.get_secret_value().strip().startswith("amqp://")
    if is_plain and (settings.amqp_ca_file or settings.amqp_cert_file):
        variable = "GATEWAY_AMQP_CA_FILE" if settings.amqp_ca_file else "GATEWAY_AMQP_CERT_FILE"
        yield (
            f"{variable} is set, but GATEWAY_AMQP_URL begins with amqp://, which is not encrypted; "
            "write amqps:// and the broker's TLS port"
        )
    if bool(settings.amqp_cert_file) != bool(settings.amqp_key_file):
        here, not_here = ("CERT", "KEY") if settings.amqp_cert_file else ("KEY", "CERT")
        yield (
            f"GATEWAY_AMQP_{here}_FILE is set but GATEWAY_AMQP_{not_here}_FILE is not; a client "
            "certificate needs both"
        )

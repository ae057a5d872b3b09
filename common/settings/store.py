"""Settings of the store: which database it is in, and for how long it keeps what."""

import re
from typing import Self

from pydantic import SecretStr, model_validator

from common.settings.values import SettingsGroup, setting

_STORE_URL = re.compile(r"sqlite:///.+|postgresql://[^/]*/.+")


class StoreSettings(SettingsGroup):
    """Where what became of every notification is kept."""

    database_url: SecretStr | None = setting(
        None,
        "database of the store, `postgresql://user:password@host/name` or `sqlite:///path`; if not "
        "given, SQLite in the file `gateway.db` of the state directory; URL-encode the password",
    )

    keep_content_days: int = setting(
        30,
        "days until the store erases contents, subjects, metadata and recipients of what came to "
        "its end; 0: never",
        ge=0,
        le=36_500,
    )
    keep_history_days: int = setting(
        365,
        "days until the store deletes what became of notifications, and its statistics; 0: never",
        ge=0,
        le=36_500,
    )

    stalled_after_s: float = setting(
        86_400.0,
        "how long nothing may be heard of a delivery that waits, or should have been tried again, "
        "until it counts as stalled; longer than your longest queue takes",
        ge=60,
    )

    endpoint_disabled_after_s: float = setting(
        432_000.0,
        "how long every callback to an endpoint may fail until no more are made for it; 5 days",
        ge=60,
    )

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        url = self.database_url
        if url and not _STORE_URL.fullmatch(url.get_secret_value()):
            raise ValueError(
                "GATEWAY_DATABASE_URL is no address such as sqlite:////var/lib/gateway/gateway.db "
                "or postgresql://user:password@host/name"
            )
        return self

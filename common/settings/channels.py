"""Settings of the channels; their defaults stand in the table of `common.channels`."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import SecretStr, model_validator

from common.channels import FACTS, Channel, Priority
from common.settings.values import (
    Lanes,
    Networks,
    Rate,
    RateText,
    SettingsGroup,
    parse_lanes,
    parse_rate,
    read_by,
    setting,
)
from common.webhooks.signing import LEAST_ROOT_CHARACTERS, read_secrets

# Of an email: what the gateway or a mail server writes, or what would change who it goes to.
_OWN_HEADERS = re.compile(
    "from|sender|reply-to|to|cc|bcc|subject|date|message-id|auto-submitted|mime-version|received"
    "|return-path|dkim-signature|(content|resent|arc|x-gateway)-.*",
    re.IGNORECASE,
)


def _parse_header_names(text: str) -> frozenset[str]:
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,70}", name):
            raise ValueError(f"{name!r} is not the name of a header, such as X-Campaign")
        if _OWN_HEADERS.fullmatch(name):
            raise ValueError(f"{name} is not for clients to set; remove it from the list")
    return frozenset(name.lower() for name in names)


HeaderNames = Annotated[frozenset[str], read_by(_parse_header_names)]


def _url_of(channel: Channel, description: str) -> Any:
    return setting(FACTS[channel].default_url, description)


def _rate_of(channel: Channel, description: str) -> Any:
    shown = FACTS[channel].default_rate
    return setting(shown and parse_rate(shown), description, shown)


def _lanes(shown: str = "high:2,normal:4,bulk:2") -> Any:
    return setting(
        parse_lanes(shown),
        "lanes per priority queue: how many messages one sender process has in hand at once",
        shown,
    )


class EmailSettings(SettingsGroup):
    """How emails are sent."""

    email_url: SecretStr | None = setting(
        None,
        "mail server, `smtp://user:password@host:587` (STARTTLS), `smtps://…:465` (TLS from the "
        "start) or `smtp://host:25?starttls=no` (plain, loopback only); URL-encode the password",
    )
    email_from: str | None = setting(None, "sender address of every email")
    email_from_name: str | None = setting(
        None, "display name of the sender, unless given per email"
    )
    email_extra_headers: HeaderNames | None = setting(
        None,
        "names of headers that clients may set beside those of docs/api.md, comma-separated; "
        "mind that relays take some `X-…` as commands",
    )
    email_ca_file: Path | None = setting(
        None, "PEM file of the authority that signed the mail server's certificate"
    )
    email_auth: Literal["plain", "login", "cram-md5"] = setting(
        "plain", "SMTP login mechanism; only this one is tried"
    )
    email_lanes: Lanes = _lanes()
    email_rate: RateText | None = _rate_of(
        Channel.EMAIL, "most emails per time and sender process, such as `10/s`"
    )

    @model_validator(mode="after")
    def _check_email(self) -> Self:
        if self.email_url is None:
            return self
        if not self.email_url.get_secret_value().lower().startswith(("smtp://", "smtps://")):
            raise ValueError("GATEWAY_EMAIL_URL must begin with smtp:// or smtps://")
        if not self.email_from:
            raise ValueError(
                "GATEWAY_EMAIL_URL is set but GATEWAY_EMAIL_FROM, the sender address, is not"
            )
        return self


class TelegramSettings(SettingsGroup):
    """How Telegram messages are sent."""

    telegram_token: SecretStr | None = setting(None, "bot token from @BotFather")
    telegram_api_url: str = _url_of(Channel.TELEGRAM, "Bot API server")
    telegram_lanes: Lanes = _lanes()
    telegram_rate: RateText | None = _rate_of(
        Channel.TELEGRAM, "most Telegram messages per time and sender process"
    )
    telegram_chat_rate: RateText | None = setting(
        Rate(1, 1), "most Telegram messages to one private chat", "1/s"
    )
    telegram_group_rate: RateText | None = setting(
        Rate(20, 60), "most Telegram messages to one group or channel", "20/min"
    )


class VkSettings(SettingsGroup):
    """How VK messages are sent."""

    vk_token: SecretStr | None = setting(None, "community access token with the right `messages`")
    vk_api_url: str = _url_of(Channel.VK, "VK API server")
    vk_lanes: Lanes = _lanes()
    vk_rate: RateText | None = _rate_of(Channel.VK, "most VK calls per time and sender process")


class WebhookSettings(SettingsGroup):
    """How webhooks are signed, and where they may go."""

    callback_secret: SecretStr | None = setting(
        None,
        "signs webhooks: `whsec_` and 24 to 64 bytes in base64; several separated by commas all "
        "sign while one is replaced, the new one first",
    )
    callback_root_secret: SecretStr | None = setting(
        None,
        "makes the secrets of those that an API key sends, one for each key; at least 32 "
        "characters, such as of `openssl rand -hex 32`",
    )
    callback_allow_networks: Networks | None = setting(
        None,
        "networks that are not public and may be sent to all the same, by `http://` too, "
        "comma-separated: `10.20.0.0/16`",
    )
    callback_public: bool = setting(
        True, "whether webhooks may leave for public addresses at all, `yes` or `no`", "yes"
    )
    callback_ca_file: Path | None = setting(
        None, "PEM file of an authority that endpoints' certificates may be signed by as well"
    )
    webhook_lanes: Lanes = _lanes("high:4,normal:8,bulk:4")
    webhook_rate: RateText | None = _rate_of(
        Channel.WEBHOOK, "most webhooks per time and sender process"
    )

    @model_validator(mode="after")
    def _check_webhook(self) -> Self:
        if self.callback_secret is not None:
            try:
                read_secrets(self.callback_secret.get_secret_value())
            except ValueError as error:
                raise ValueError(
                    f"GATEWAY_CALLBACK_SECRET cannot sign: {error}; write whsec_ and what "
                    "`openssl rand -base64 32` says"
                ) from None
        root = self.callback_root_secret
        if root is not None and len(root.get_secret_value()) < LEAST_ROOT_CHARACTERS:
            raise ValueError(
                f"GATEWAY_CALLBACK_ROOT_SECRET is shorter than {LEAST_ROOT_CHARACTERS} characters; "
                "make a longer one"
            )
        return self


class ChannelSettings(WebhookSettings, VkSettings, TelegramSettings, EmailSettings):
    """Those of every channel, and what every channel has under its own name."""

    def lanes(self, channel: str) -> dict[Priority, int]:
        """Lanes per priority of one channel."""
        lanes: dict[Priority, int] = getattr(self, f"{channel}_lanes")
        return lanes

    def rate(self, channel: str) -> Rate | None:
        """Most sends of one channel's account, per sender process."""
        rate: Rate | None = getattr(self, f"{channel}_rate")
        return rate

"""The channels and what is particular to each: one table, from which the rest is derived.

Data only, and cheap to import: every process reads it, and none loads a channel's library by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Channel(StrEnum):
    """A way to reach a recipient; each has its own queues and sender process."""

    EMAIL = "email"
    TELEGRAM = "telegram"
    VK = "vk"
    WEBHOOK = "webhook"


class Priority(StrEnum):
    """Each priority is a queue with lanes of its own, so bulk never stands before high."""

    HIGH = "high"
    NORMAL = "normal"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What is particular to one channel. Settings are named as in `common.settings`.

    message: what it sends, with its article; address: what an address of it is; examples:
    addresses, the plainest first; needs: the settings without which it cannot send, that with its
    credentials first; also_secret: its other secrets; url: the setting that says where it sends,
    None where each address says so; default_url and default_rate: as a person writes them;
    also_begins: how names of its settings begin beside its own name; also_called: names that the
    provider's own pages have for settings, and these;
    libraries: the packages that its sender alone imports; loggers: those of its libraries that
    repeat what we log ourselves.
    """

    label: str
    message: str
    address: str
    examples: tuple[str, ...]
    needs: tuple[str, ...]
    also_secret: tuple[str, ...] = ()
    url: str | None = None
    default_url: str | None = None
    default_rate: str | None = None
    also_begins: tuple[str, ...] = ()
    also_called: tuple[tuple[str, str], ...] = ()
    libraries: tuple[str, ...]
    loggers: tuple[str, ...] = ()

    @property
    def credential(self) -> str:
        """The setting without which the channel counts as not configured."""
        return self.needs[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The settings that its sender alone is told, and nobody should see."""
        return (self.credential, *self.also_secret)


FACTS: Final[Mapping[Channel, ChannelFacts]] = MappingProxyType(
    {
        Channel.EMAIL: ChannelFacts(
            label="email",
            message="an email",
            address="email address",
            examples=("ada@example.com",),
            needs=("email_url", "email_from"),
            url="email_url",
            libraries=("aiosmtplib",),
            loggers=("mail.log",),
        ),
        Channel.TELEGRAM: ChannelFacts(
            label="Telegram",
            message="a Telegram message",
            address="Telegram chat id or @name",
            examples=("42", "-1001234567890", "@news"),
            needs=("telegram_token",),
            url="telegram_api_url",
            default_url="https://api.telegram.org",
            default_rate="30/s",
            also_called=(("telegram_bot_token", "telegram_token"),),
            libraries=("telegram",),
            loggers=("telegram",),
        ),
        Channel.VK: ChannelFacts(
            label="VK",
            message="a VK message",
            address="VK peer id",
            examples=("123",),
            needs=("vk_token",),
            url="vk_api_url",
            default_url="https://api.vk.ru",
            default_rate="20/s",
            libraries=("vk_api",),
        ),
        Channel.WEBHOOK: ChannelFacts(
            label="webhook",
            message="a webhook",
            address="URL of a webhook",
            examples=("https://shop.example.com/hooks",),
            needs=("callback_secret",),
            also_secret=("callback_root_secret",),
            also_begins=("callback",),
            libraries=("httpcore",),
        ),
    }
)

CHANNELS: Final[tuple[str, ...]] = tuple(channel.value for channel in Channel)
PRIORITIES: Final[tuple[str, ...]] = tuple(priority.value for priority in Priority)

EXAMPLES: Final[tuple[str, ...]] = tuple(
    f"{channel}:{facts.examples[0]}" for channel, facts in FACTS.items()
)
"""A recipient of each channel, as a client writes it: `email:ada@example.com`."""


def sent_messages() -> str:
    """`an email, a Telegram message, a VK message or a webhook`."""
    return in_words(tuple(facts.message for facts in FACTS.values()))


def in_words(words: tuple[str, ...], last: str = "or") -> str:
    """`email, telegram, vk or webhook`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def channel_of(setting: str) -> Channel | None:
    """The channel that a setting is of; None for those that belong to no channel."""
    return next((one for one in Channel if is_setting_of(one, setting)), None)


def is_setting_of(channel: Channel, setting: str) -> bool:
    """Whether a setting belongs to this channel, by its name."""
    names = (channel, *FACTS[channel].also_begins)
    return setting.startswith(tuple(f"{name}_" for name in names))

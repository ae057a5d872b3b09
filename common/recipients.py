"""Recipients as a client writes them: `email:ada@example.com`, `telegram:42`, and so on."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import email_validator

from common.channels import CHANNELS, EXAMPLES, Channel
from common.webhooks.url import parse_webhook

# Names that never leave a site, yet are what an internal mail server or a test serves; the
# library's documentation says to take them off its list so.
_INTERNAL_DOMAINS = ("local", "test")
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _INTERNAL_DOMAINS
]

_CHANNELS: dict[str, Channel] = {channel.value: channel for channel in Channel}
_WHOLE_NUMBER = re.compile(r"-?[1-9][0-9]{0,18}")
# Telegram lets people choose 5 characters or more, and has sold names of 4.
_TELEGRAM_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
_TELEGRAM_ID_LIMIT = 2**52  # Bot API: at most 52 significant bits
_VK_ID_LIMIT = 2**63  # VK API: peer_id is int64
_MAX_EMAIL_CHARACTERS = 320  # RFC 5321, section 4.5.3.1: 64, @, 255
_MAX_LOCAL_PART_OCTETS = 64  # the same section; the library counts only where it is asked to
_BEGINS_ENCODED_WORD = "=?"  # RFC 2047; several addresses of a header could make one together
_QUOTE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address on one channel, in the form that is sent to."""

    channel: Channel
    address: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.address}"

    @property
    def identity(self) -> str:
        """Equal for recipients that are the same in practice: letter case does not tell apart,
        but in the path of a URL.
        """
        return str(self) if self.channel is Channel.WEBHOOK else str(self).casefold()


def parse_recipient(text: str) -> Recipient:
    """Read `channel:address`. Raises ValueError with a sentence for the client."""
    name, separator, address = text.partition(":")
    channel = _CHANNELS.get(name)
    if not separator or channel is None:
        raise ValueError(
            f"{_quote(text)} is not channel:address with one of the channels "
            f"{', '.join(CHANNELS)}, such as {EXAMPLES[0]}"
        )
    return Recipient(channel, _NORMALISERS[channel](address))


@lru_cache(maxsize=8192)  # the slowest step of accepting a request, and addresses recur
def normalise_email(address: str) -> str:
    """The normalised form of one email address, no DNS asked. Raises ValueError."""
    if len(address) > _MAX_EMAIL_CHARACTERS:  # the library takes half a second for a million
        raise ValueError(
            f"{_quote(address)} is not an email address: it has {len(address)} characters"
        )
    try:
        found = email_validator.validate_email(
            address, allow_smtputf8=True, check_deliverability=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"{_quote(address)} is not an email address: {error}") from None
    if (octets := len(found.local_part.encode())) > _MAX_LOCAL_PART_OCTETS:
        raise ValueError(
            f"{_quote(address)} is not an email address: {octets} bytes before the @-sign, "
            f"at most {_MAX_LOCAL_PART_OCTETS} are allowed"
        )
    if _BEGINS_ENCODED_WORD in found.local_part:  # a relay may decode it into other addresses
        raise ValueError(
            f"{_quote(address)} is not an email address: =? is not allowed before the @-sign, "
            "where it would begin an encoded word"
        )
    return found.normalized


def normalise_telegram(address: str) -> str:
    """A chat id (negative for groups and channels) or @name, checked. Raises ValueError."""
    if _TELEGRAM_NAME.fullmatch(address):
        return address
    if _WHOLE_NUMBER.fullmatch(address) and abs(int(address)) < _TELEGRAM_ID_LIMIT:
        return address
    raise ValueError(
        f"{_quote(address)} is not a Telegram chat: give its id (a whole number, not 0, of at "
        "most 52 bits) or @name (4 to 32 letters, digits and _, beginning with a letter)"
    )


def normalise_vk(address: str) -> str:
    """A VK peer id, checked. Raises ValueError."""
    if _WHOLE_NUMBER.fullmatch(address) and -_VK_ID_LIMIT <= int(address) < _VK_ID_LIMIT:
        return address
    raise ValueError(
        f"{_quote(address)} is not a VK peer id: a whole number, above 0 for a user, above "
        "2000000000 for a chat, below 0 for a community"
    )


def normalise_webhook(address: str) -> str:
    """A webhook's URL in its one form, checked; no DNS is asked. Raises ValueError."""
    try:
        return str(parse_webhook(address))
    except ValueError as error:
        raise ValueError(f"{_quote(address)} is not the URL of a webhook: {error}") from None


def _quote(text: str) -> str:
    return repr(text if len(text) <= _QUOTE_LENGTH else text[:_QUOTE_LENGTH] + "…")


_NORMALISERS: dict[Channel, Callable[[str], str]] = {
    Channel.EMAIL: normalise_email,
    Channel.TELEGRAM: normalise_telegram,
    Channel.VK: normalise_vk,
    Channel.WEBHOOK: normalise_webhook,
}

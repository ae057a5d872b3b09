"""What a stand-in provider can do wrong, and which recipients make it do so: data only.

The sandbox and the simulator of test keys answer by it alike.
The answers follow the providers' own codes, so that a sender meets here what it meets there.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from common.channels import Channel

SLOW_S: Final = 3.0
RANGE_SIZE: Final = 1_000


class Act(StrEnum):
    """How a fault shows on the wire."""

    ANSWER = "answer"  # refuse with a code
    RESET_BEFORE = "reset before accepting"
    ACCEPT_THEN_RESET = "accept, then reset the connection without an answer"
    ACCEPT_THEN_HANG = "accept, then never answer"
    ACCEPT_SLOWLY = "accept late"


class Stage(StrEnum):
    """Where in an SMTP session a fault strikes; an HTTP call has only one place."""

    LOGIN = "login"
    RECIPIENT = "recipient"
    CONTENT = "content"


@dataclass(frozen=True)
class Fault:
    """One way of failing: code and text are the provider's own.

    retry_after_s: seconds, said to the client by Telegram's 429, and by a webhook's 429 and 503.
    delay_s: seconds before a slow accept.
    """

    name: str
    code: int = 0
    text: str = ""
    act: Act = Act.ANSWER
    stage: Stage = Stage.RECIPIENT
    retry_after_s: int = 2
    delay_s: float = 0.0

    @property
    def words(self) -> str:
        """The provider's text with this fault's own values in it."""
        return self.text.format(retry_after_s=self.retry_after_s)

    @property
    def summary(self) -> str:
        """What the client sees, in one line."""
        if self.act is Act.ANSWER:
            return f"{self.code} {self.words}"
        return f"{self.act} ({self.delay_s:g} s)" if self.delay_s else str(self.act)

    @property
    def answer(self) -> str:
        """What a client that met this fault was answered, or why it was not."""
        return _ANSWERS.get(self.act) or self.summary


_ANSWERS: Final = {
    Act.RESET_BEFORE: "no answer: the connection was reset",
    Act.ACCEPT_THEN_RESET: "no answer: accepted, then the connection was reset",
    Act.ACCEPT_THEN_HANG: "no answer: accepted, then silence",
}


def _named(*faults: Fault) -> dict[str, Fault]:
    return {fault.name: fault for fault in faults}


def _on_the_wire(accepting: Stage) -> tuple[Fault, ...]:
    return (
        Fault("reset_before", act=Act.RESET_BEFORE),
        Fault("accept_then_reset", act=Act.ACCEPT_THEN_RESET, stage=accepting),
        Fault("accept_then_hang", act=Act.ACCEPT_THEN_HANG, stage=accepting),
        Fault("slow", act=Act.ACCEPT_SLOWLY, stage=accepting, delay_s=SLOW_S),
    )


_HTML_BODY = Fault("html_body", 502, "Bad Gateway, with an HTML page as the body")

FAULTS: Final[dict[Channel, dict[str, Fault]]] = {
    Channel.EMAIL: _named(
        Fault("rate_limit", 451, "4.7.0 Too many messages, slow down"),
        Fault("server_error", 421, "4.3.2 System not accepting messages, closing connection"),
        Fault("refuse", 451, "4.3.0 Local error in processing, try again"),
        Fault("greylist", 451, "4.7.1 Greylisted, try again later"),
        Fault("mailbox_full", 452, "4.2.2 Mailbox is full"),
        Fault("bounce", 550, "5.1.1 No such user here"),
        Fault("blocked", 550, "5.2.1 Mailbox is disabled"),
        Fault("spam", 550, "5.7.1 Message refused as spam", stage=Stage.CONTENT),
        Fault("bad_auth", 535, "5.7.8 Authentication credentials invalid", stage=Stage.LOGIN),
        *_on_the_wire(Stage.CONTENT),
    ),
    Channel.TELEGRAM: _named(
        Fault("rate_limit", 429, "Too Many Requests: retry after {retry_after_s}"),
        Fault("server_error", 500, "Internal Server Error"),
        Fault("refuse", 400, "Bad Request: failed to get HTTP URL content"),
        Fault("bounce", 400, "Bad Request: chat not found"),
        Fault("blocked", 403, "Forbidden: bot was blocked by the user"),
        Fault("migrated", 400, "Bad Request: group chat was upgraded to a supergroup chat"),
        Fault("bad_auth", 401, "Unauthorized"),
        _HTML_BODY,
        *_on_the_wire(Stage.RECIPIENT),
    ),
    Channel.VK: _named(
        Fault("rate_limit", 6, "Too many requests per second"),
        Fault("flood", 9, "Flood control"),
        Fault("server_error", 10, "Internal server error: could not check access_token now"),
        Fault("refuse", 105, "Couldn't save file"),
        Fault("bounce", 18, "User was deleted or banned"),
        Fault("blocked", 901, "Can't send messages for users without permission"),
        Fault("bad_auth", 5, "User authorization failed: invalid access_token (4)."),
        Fault("captcha", 14, "Captcha needed"),
        _HTML_BODY,
        *_on_the_wire(Stage.RECIPIENT),
    ),
    Channel.WEBHOOK: _named(
        Fault("rate_limit", 429, "Too Many Requests"),
        Fault("busy", 503, "Service Unavailable"),
        Fault("server_error", 500, "Internal Server Error"),
        Fault("refuse", 400, "Bad Request"),
        Fault("bounce", 404, "Not Found"),
        Fault("blocked", 403, "Forbidden"),
        Fault("gone", 410, "Gone"),
        Fault("redirect", 302, "Found"),
        _HTML_BODY,
        *_on_the_wire(Stage.RECIPIENT),
    ),
}

SINK: Final = "/webhook/"
"""Below it every path of the sandbox is a webhook."""


@dataclass(frozen=True)
class Magic:
    """A group of recipients that always meets the same fault.

    key: beginning of an email's local part up to the plus, first id of a range of 1,000, or first
    word of a webhook's path.
    times: how often one recipient meets it before being accepted; None for always.
    """

    channel: Channel
    key: str
    fault: str
    times: int | None = None

    def matches(self, recipient: str) -> bool:
        """Tell whether this address, chat id, peer id or URL belongs to the group."""
        if self.channel is Channel.EMAIL:
            return recipient.casefold().startswith(f"{self.key}+")
        if self.channel is Channel.WEBHOOK:
            return f"{urlsplit(recipient).path}/".startswith(f"{SINK}{self.key}/")
        number = recipient.removeprefix("-")
        if not (number.isascii() and number.isdigit()):
            return False
        return int(self.key) <= int(number) < int(self.key) + RANGE_SIZE

    @property
    def recipients(self) -> str:
        """The group as a reader would write it."""
        if self.channel is Channel.EMAIL:
            return f"{self.key}+…@…"
        if self.channel is Channel.WEBHOOK:
            return f"…{SINK}{self.key}/…"
        return f"{self.key} … {int(self.key) + RANGE_SIZE - 1}"


MAGIC: Final[tuple[Magic, ...]] = (
    Magic(Channel.EMAIL, "bounce", "bounce"),
    Magic(Channel.EMAIL, "grey", "greylist", times=1),
    Magic(Channel.EMAIL, "full", "mailbox_full"),
    Magic(Channel.EMAIL, "slow", "slow"),
    Magic(Channel.EMAIL, "dropafter", "accept_then_reset", times=1),
    Magic(Channel.EMAIL, "spam", "spam"),
    Magic(Channel.EMAIL, "twice", "refuse", times=2),
    Magic(Channel.TELEGRAM, "900001000", "blocked"),
    Magic(Channel.TELEGRAM, "900002000", "bounce"),
    Magic(Channel.TELEGRAM, "900003000", "rate_limit", times=1),
    Magic(Channel.TELEGRAM, "900004000", "server_error", times=2),
    Magic(Channel.TELEGRAM, "900005000", "reset_before", times=1),
    Magic(Channel.TELEGRAM, "900006000", "accept_then_reset", times=1),
    Magic(Channel.TELEGRAM, "900007000", "migrated"),
    Magic(Channel.TELEGRAM, "900008000", "slow"),
    Magic(Channel.VK, "900001000", "blocked"),
    Magic(Channel.VK, "900002000", "bounce"),
    Magic(Channel.VK, "900003000", "rate_limit", times=1),
    Magic(Channel.VK, "900004000", "server_error", times=2),
    Magic(Channel.VK, "900005000", "reset_before", times=1),
    Magic(Channel.VK, "900006000", "accept_then_reset", times=1),
    Magic(Channel.VK, "900007000", "flood"),
    Magic(Channel.VK, "900008000", "slow"),
    Magic(Channel.WEBHOOK, "gone", "gone"),
    Magic(Channel.WEBHOOK, "moved", "redirect"),
    Magic(Channel.WEBHOOK, "missing", "bounce"),
    Magic(Channel.WEBHOOK, "busy", "rate_limit", times=1),
    Magic(Channel.WEBHOOK, "twice", "server_error", times=2),
    Magic(Channel.WEBHOOK, "dropbefore", "reset_before", times=1),
    Magic(Channel.WEBHOOK, "dropafter", "accept_then_reset", times=1),
    Magic(Channel.WEBHOOK, "hang", "accept_then_hang"),
    Magic(Channel.WEBHOOK, "slow", "slow"),
)


def find_magic(channel: Channel, recipient: str) -> Magic | None:
    """Return the group this recipient belongs to, None for an ordinary one."""
    own = (magic for magic in MAGIC if magic.channel == channel)
    return next((magic for magic in own if magic.matches(recipient)), None)


def migrated(chat_id: int) -> int:
    """The id that a Telegram group has as a supergroup."""
    return int(f"-100{abs(chat_id)}")


def magic_table() -> list[tuple[str, str, str, str]]:
    """Return rows of channel, recipients, how often, what happens: for --help and the page."""
    often = {None: "always", 1: "first time", 2: "first two times"}
    return [
        (
            magic.channel,
            magic.recipients,
            often[magic.times],
            FAULTS[magic.channel][magic.fault].summary,
        )
        for magic in MAGIC
    ]

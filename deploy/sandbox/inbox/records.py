"""What the inbox keeps: messages that were accepted, and calls, whatever came of them."""

import hashlib
import re
import sys
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.channels import Channel

PREVIEW_CHARACTERS: Final = 120
ADDRESS_CHARACTERS: Final = 320  # no email address is longer

# By this name a sender tells a stand-in which delivery a call is for: an HTTP header, a header of
# an email, or a parameter of MAIL. What a provider is sent has no place for it.
DELIVERY_HEADER: Final = "X-Gateway-Delivery"
_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,100}")

Verdict = Literal["accepted", "refused", "dropped", "duplicate"]


def clean(text: object) -> object:
    """Return a text without halves of characters, which no page and no JSON could carry."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


def read_delivery_id(text: str | None) -> str | None:
    """Return a delivery id as it was said on the wire, None for anything that is not like one."""
    return text if text and _ID.fullmatch(text) else None


def shorten(text: str | None, most: int = PREVIEW_CHARACTERS) -> str:
    """Return the first words of a text, in one line."""
    words = " ".join((text or "")[: 8 * most].split())
    cut = words[:most]
    return f"{cut}…" if len(words) > len(cut) else cut


Text = Annotated[str, BeforeValidator(clean)]


class Message(BaseModel):
    """A message as a client sent it.

    delivery_id: the gateway's own, None where the client did not say it. provider_id: what the
    client was told. headers: an email's or a webhook's, in order. params: the other fields of a Bot
    API or VK call, a webhook's body. signature: what a webhook's is worth. identity: what makes two
    messages to one recipient the same one where there is no delivery id; a hash of the content when
    empty.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel
    recipient: Text
    provider_id: Text
    text: Text = ""
    subject: Text | None = None
    html: Text | None = None
    delivery_id: Text | None = None
    headers: list[tuple[Text, Text]] = []
    params: dict[Text, Text] = {}
    attachments: list[Text] = []
    signature: Text | None = None
    identity: Text = Field(default="", exclude=True)

    def header(self, name: str) -> str:
        """The first header of this name, in lower case; empty when there is none."""
        return next((value for said, value in self.headers if said.lower() == name), "")

    @property
    def preview(self) -> str:
        """The subject, or else the first words."""
        return shorten(self.subject) or shorten(self.text)

    def fingerprint(self) -> bytes:
        """Return a digest that is equal for duplicates."""
        content = (self.subject, self.text, self.html, self.attachments, self.params)
        what = self.delivery_id or self.identity or repr(content)
        return hashlib.sha256(repr((self.channel, self.recipient, what)).encode()).digest()

    def size_bytes(self) -> int:
        """Return about how much memory the content takes; its call counts the recipient."""
        pairs = [*self.headers, *self.params.items()]
        said = [self.text, self.subject or "", self.html or "", self.identity, self.provider_id]
        texts = [*said, *self.attachments]
        return sum(map(sys.getsizeof, [*texts, *(part for pair in pairs for part in pair)]))


class Entry(Message):
    """An accepted message: number (from 1), time (UTC), thread, and the entry that it repeats."""

    n: int
    at: datetime
    thread: str
    duplicate_of: int | None


class Call(BaseModel):
    """One call to a provider and what came of it.

    recipient: None where the call never got so far. call: the command or method. code: the
    provider's own. fault: what it met, by name. answer: the provider's code and words, or why there
    was none; empty for an ordinary success. preview: the first words of the message, where the call
    got so far.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel
    recipient: Text | None
    call: Text
    verdict: Verdict
    code: str | None = None
    fault: str | None = None
    answer: Text = ""
    delivery_id: Text | None = None
    preview: Text = ""


class Attempt(Call):
    """A kept call: number (from 1), time (UTC), thread, and the number of the message it delivered.

    A duplicate that was refused has the number of the message that is there already.
    """

    n: int
    at: datetime
    thread: str
    message: int | None

    @property
    def is_refused(self) -> bool:
        """Whether nothing was delivered, now or before."""
        return self.verdict in ("refused", "dropped")

    def size_bytes(self) -> int:
        """Return about how much memory the texts take."""
        texts = [self.recipient or "", self.call, self.answer, self.preview, self.thread]
        return sum(map(sys.getsizeof, texts))


def thread_of(one: Message | Call) -> str | None:
    """Return what the calls for one delivery have in common, None without a delivery id.

    Copies of an email share its Message-ID, so their recipients tell them apart; a Telegram chat
    may move to another id.
    """
    if not one.delivery_id:
        return None
    recipient = "" if one.channel == "telegram" else f" {one.recipient}"
    return f"{one.channel} {one.delivery_id}{recipient}"


class Thread:
    """The kept calls for one delivery, oldest first; none once all of them are forgotten."""

    __slots__ = ("attempts", "is_read")  # there may be as many threads as attempts

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.is_read = False

    @property
    def last(self) -> Attempt:
        """The newest call."""
        return self.attempts[-1]

    @property
    def preview(self) -> str:
        """The newest first words that a call brought."""
        return next((one.preview for one in reversed(self.attempts) if one.preview), "")

    @property
    def delivered(self) -> list[int]:
        """The numbers of the messages that were accepted."""
        return [one.message for one in self.attempts if one.verdict == "accepted" and one.message]

    @property
    def refused(self) -> int:
        """How many calls delivered nothing."""
        return sum(one.is_refused for one in self.attempts)

    @property
    def stopped(self) -> int:
        """How many repeats the provider knew and did not deliver again."""
        return sum(one.verdict == "duplicate" for one in self.attempts)

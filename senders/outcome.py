"""What an attempt came to: the taxonomy every channel maps its provider's answers into.

`code` is a short stable word or number of the provider (`550 5.1.1`, `403`, `901`), `message` the
provider's sentence with secrets removed; both are clean and bounded, whatever was said (`said.py`).
What the sender does with each outcome is decided in `retry.py` and done in `runtime.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from senders.said import Said, SaidInLines


class Scope(StrEnum):
    """What a throttle holds for: everything the account sends, one domain, or one recipient."""

    ACCOUNT = "account"
    DOMAIN = "domain"
    RECIPIENT = "recipient"


class About(StrEnum):
    """What a provider refused for good."""

    RECIPIENT = "recipient"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Sent(Said):
    """The provider accepted the message. Final."""

    provider_id: str | None = None
    message: str = ""
    code: str = "ok"


@dataclass(frozen=True, slots=True)
class Moved(Said):
    """The recipient has a new address; not an attempt, sent there at once."""

    address: str
    code: str = "moved"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Transient(Said):
    """Nothing was sent and a later try may work.

    after_s: the earliest useful try, when known. paused: what rests meanwhile, because the next
    message of this account, or to this domain, would meet the same fate.
    tries: this failure's own limit of attempts, when smaller than the policy's.
    is_refusal: whether a delivery whose tries are over counts as refused by the provider.
    """

    code: str
    message: str = ""
    after_s: float | None = None
    paused: Scope | None = None
    tries: int | None = None
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Throttled(Said):
    """The provider asks for a pause; not an attempt, bound by the delivery's expiry only.

    after_s: how long, None when the provider did not say; guess_s: our first guess then, which is
    doubled as long as it proves too short.
    """

    code: str
    message: str = ""
    after_s: float | None = None
    scope: Scope = Scope.ACCOUNT
    guess_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Rejected(Said):
    """The provider refuses this message for good."""

    code: str
    message: str = ""
    about: About = About.RECIPIENT


@dataclass(frozen=True, slots=True)
class Misconfigured(Said):
    """Our credentials, address or permissions are wrong; no message of the account can pass.

    is_certain: False where the words are an account's but were said to a request for one recipient,
    so that this recipient alone may be meant: the account is judged by what others get to hear.
    """

    code: str
    message: str = ""
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Unknown(Said):
    """The connection broke after the message was handed over: it may have been sent.

    resend: whether the channel's policy for this delivery is to send again; paused: as above.
    """

    code: str
    message: str = ""
    resend: bool = True
    paused: Scope | None = None


@dataclass(frozen=True, slots=True)
class Crashed(SaidInLines):
    """Our own code failed; `message` is the traceback."""

    code: str
    message: str = ""


Outcome = Sent | Transient | Throttled | Rejected | Misconfigured | Unknown | Crashed
Reply = Outcome | Moved
"""What a provider says to one call: a move is followed within the attempt, and no outcome of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that has ended: what it came to, when it began, and for how long it took."""

    outcome: Outcome
    began_at: datetime
    took_ms: int

"""Whoever a request comes from, and what that key may do."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final
from weakref import WeakSet

from common.channels import Channel
from common.http.problems import FieldFault, Problem
from common.recipients import Recipient
from common.settings import Rate
from store.access.key_form import Mode, Scope
from store.access.keys import signing_versions

CALLER: Final = "gateway.caller"
"""Member of a scope: who calls. The door puts it there; without it nothing is answered."""

_ANY_OF_DOMAIN: Final = f"{Channel.EMAIL}:*@"


@dataclass(slots=True, eq=False)
class Caller:
    """What one key may do; there is one object for all its requests.

    owner: the key's id, and whose its notifications are; None: it sees everybody's. recipients:
    whom alone it may reach, None for everyone. secret_version: of what signs its webhooks, beside
    which the one before signs until former_secret_until_ms. followers: set when the key is revoked,
    for those that are still open with it.
    """

    owner: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    mode: Mode = Mode.LIVE
    rate: Rate | None = None
    recipients: frozenset[str] | None = None
    ends_at_s: float = inf
    is_revoked: bool = False
    secret_version: int = 1
    former_secret_until_ms: int | None = None
    followers: WeakSet[asyncio.Event] = field(default_factory=WeakSet)

    @property
    def secret_versions(self) -> list[int]:
        """Which of its secrets sign now, the new one first."""
        if self.former_secret_until_ms is None:
            return [self.secret_version]
        now_ms = round(time.time() * 1000)
        return signing_versions(self.secret_version, self.former_secret_until_ms, now_ms)

    def revoke(self) -> None:
        """It is good no more, and whatever is open with it comes to its end."""
        self.is_revoked = True
        for one in list(self.followers):
            one.set()

    def check_scope(self, scope: Scope) -> None:
        """Raise Problem unless the key has this scope."""
        if scope not in self.scopes:
            raise Problem(
                "scope_missing",
                f"this needs a key with the scope {scope}; this key has "
                f"{', '.join(sorted(self.scopes))}",
            )

    def check_recipients(self, recipients: Sequence[Recipient], places: Sequence[str]) -> None:
        """Raise Problem unless the key may reach all of them; places: where each is named."""
        if self.recipients is None:
            return
        faults = [
            FieldFault(place, f"{one} is not on the key's list")
            for one, place in zip(recipients, places, strict=True)
            if not self._may_reach(one)
        ]
        if faults:
            raise Problem(
                "recipient_not_allowed",
                "this is a team key, which reaches only the recipients that it was made for",
                faults=faults,
            )

    def _may_reach(self, recipient: Recipient) -> bool:
        assert self.recipients is not None
        if recipient.identity in self.recipients:
            return True
        domain = recipient.address.rpartition("@")[2].casefold()
        is_email = recipient.channel is Channel.EMAIL
        return is_email and f"{_ANY_OF_DOMAIN}{domain}" in self.recipients


EVERYBODY: Final = Caller()
"""Who has GATEWAY_API_KEY, or needs no key: may do everything, and sees everything."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who a request comes from."""
    caller: Caller = scope[CALLER]
    return caller

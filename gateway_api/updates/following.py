"""What somebody who follows asks for, which facts and from where on, and what it may."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from common.channels import Channel
from common.envelope import EventType
from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request
from common.webhooks.events import DISABLED, STOPPED
from gateway_api.access.caller import Caller, caller_of
from gateway_api.updates.mark import Mark
from store.events import Wanted

ACCEPTED: Final = "accepted"
TYPES: Final = (ACCEPTED, *EventType, STOPPED, DISABLED)
Tag = Annotated[str, StringConstraints(min_length=1, max_length=320)]
GRANT: Final = "gateway.grant"
"""Member of a scope: the grant of a request that came with a token instead of the key."""

Start = Mark | int | None
"""After this place, or after this number of this very store; None: from now on."""


def _check_start(text: str) -> str:
    read_start(text)
    return text


class Filters(BaseModel):
    """Filters that must all hold."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    notification: UUID | None = None
    """Facts of one notification."""

    tag: Tag | None = None
    """Facts of notifications with this tag."""

    channel: Channel | None = None

    after: Annotated[str, AfterValidator(_check_start)] | None = None
    """The id of the last event that came, `<epoch>-<seq>`, or a `seq`; else from now on."""

    def wanted(self, types: frozenset[str] | None = None) -> Wanted:
        """The same as what the store and the feed know."""
        return Wanted(types, self.notification, self.tag, self.channel)


class FollowQuery(Filters):
    """Which facts a stream tells."""

    types: str | None = None
    """Kinds of facts, separated by commas: `sent,failed`."""

    token: str | None = None
    """Instead of the key: what POST /v1/live-tokens gave."""

    def wanted(self, types: frozenset[str] | None = None) -> Wanted:
        """Raises Problem."""
        if self.types is not None:
            types = frozenset(self.types.split(","))
            if unknown := sorted(types.difference(TYPES)):
                sentence = f"{unknown[0][:40]!r} is none of {', '.join(TYPES)}"
                raise invalid_request([FieldFault("/types", sentence)])
        return super().wanted(types)


def read_start(text: str | None) -> Start:
    """Where a client says that it was. Raises ValueError with a sentence for it."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return Mark.read(text)


def start_of(query: Filters, last_event_id: str | None) -> Start:
    """Where a stream begins: a browser that comes back knows better than its address. Problem."""
    if not last_event_id:
        return read_start(query.after)
    try:
        return read_start(last_event_id)
    except ValueError as error:
        raise invalid_request([FieldFault("/last-event-id", str(error))]) from None


@dataclass(frozen=True, slots=True)
class Grant:
    """Named notifications and tags of one key's, until a moment (seconds since 1970)."""

    notifications: frozenset[UUID]
    tags: frozenset[str]
    ends_at_s: float
    owner: str | None = None

    def check(self, wanted: Wanted) -> None:
        """Raise Problem unless all that is wanted is granted."""
        if wanted.notification_id in self.notifications or wanted.tag in self.tags:
            return
        raise Problem(
            "not_granted", "the token is for other notifications or tags: name one that it is for"
        )


def grant_of(scope: Mapping[str, Any]) -> Grant | None:
    """The grant that a request came with; None: it may follow everything."""
    grant: Grant | None = scope.get(GRANT)
    return grant


def allowed(scope: Mapping[str, Any], wanted: Wanted) -> Wanted:
    """What is wanted, as far as whoever asks may see it. Raises Problem."""
    if grant := grant_of(scope):
        grant.check(wanted)
    return replace(wanted, owner=caller_of(scope).owner)


@dataclass(frozen=True, slots=True)
class Leave:
    """For how long somebody may follow: as long as key and token are good."""

    caller: Caller
    ends_at_s: float

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.caller.is_revoked or time.time() >= self.ends_at_s

    @property
    def left_s(self) -> float:
        """Seconds until it ends by itself."""
        return max(0.0, self.ends_at_s - time.time())

    @property
    def end(self) -> str:
        """Which of both is over, in a word for the client."""
        is_key = self.caller.is_revoked or self.ends_at_s == self.caller.ends_at_s
        return "key_revoked" if is_key else "token_expired"


def leave_of(scope: Mapping[str, Any], woken: asyncio.Event) -> Leave:
    """For how long whoever asks may follow; woken: set when that has ended before its time."""
    caller, grant = caller_of(scope), grant_of(scope)
    caller.followers.add(woken)
    ends_at_s = min(caller.ends_at_s, grant.ends_at_s) if grant else caller.ends_at_s
    return Leave(caller, ends_at_s)

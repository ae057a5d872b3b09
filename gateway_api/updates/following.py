"""What somebody who follows asks for, which facts and from where on, and what it may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from common.channels import Channel
from common.envelope import EventType
from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request
from gateway_api.updates.mark import Mark
from store.events import Wanted

ACCEPTED: Final = "accepted"
TYPES: Final = (ACCEPTED, *EventType)
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
    """Named notifications and tags, until a moment (seconds since 1970)."""

    notifications: frozenset[UUID]
    tags: frozenset[str]
    ends_at_s: float

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


def check_granted(scope: Mapping[str, Any], wanted: Wanted) -> None:
    """Raise Problem unless whoever asks may follow this."""
    if grant := grant_of(scope):
        grant.check(wanted)

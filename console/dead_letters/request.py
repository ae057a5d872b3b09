"""What a client may ask of `/v1/dead-letters`, checked."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker_topology.dead_letters.letter import FailedAs
from broker_topology.dead_letters.selection import Selection, by_ids, parse_moment
from common.envelope import utc_now
from common.http.problems import FieldFault, pointer
from common.http.validation import invalid_request
from console.dead_letters.archives import MOST_LETTERS


class LetterFilter(BaseModel):
    """Filters that must all hold."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_by_name=False
    )

    channel: Literal["email", "telegram", "vk", "unrouted"] | None = None
    """`unrouted`: what no queue wanted."""

    failed_as: FailedAs | None = Field(None, alias="class")
    """Why it is dead."""

    code: str | None = None
    """Code of the failure; `*` is any text."""

    since: str | None = None
    """Failed at or after this moment, ISO 8601, or this long ago, such as `2h`."""

    until: str | None = None
    """Failed before this moment."""

    tag: str | None = None
    """A tag of the notification."""

    to: str | None = None
    """Recipient, an address or `channel:address`; `*` is any text."""

    def selection(self) -> Selection:
        """The same as a predicate. Raises Problem."""
        return Selection(
            channel=self.channel,
            failed_as=self.failed_as.value if self.failed_as else None,
            code=self.code,
            since=_moment("since", self.since),
            until=_moment("until", self.until),
            tag=self.tag,
            to=self.to,
        )


class LetterQuery(LetterFilter):
    """The query of a list."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    group: bool = False
    """Counts by reason instead of letters."""


class ShowQuery(BaseModel):
    """The query of one letter."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    content: bool = False
    """Recipient and content too."""


class ArchiveRequest(BaseModel):
    """Which letters: exactly one of `ids`, `filter` and `all`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ids: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = None
    filter: LetterFilter | None = None
    all: bool = False
    """Every dead letter."""

    limit: Annotated[int, Field(ge=1, le=MOST_LETTERS)] | None = None
    """At most so many, the oldest first."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if (self.ids is not None) + (self.filter is not None) + self.all != 1:
            raise ValueError("give exactly one of ids, filter and all")
        if self.filter is not None and self.filter == LetterFilter():
            raise ValueError("an empty filter means everything; say so with all")
        return self

    def selection(self) -> Selection:
        """The letters that are meant. Raises Problem."""
        if self.ids is not None:
            return by_ids(self.ids)
        return self.filter.selection() if self.filter else Selection()


class RequeueRequest(ArchiveRequest):
    """Which letters to send again."""

    redirect: str | None = None
    """With exactly one id: the address on its channel to send to instead."""

    @model_validator(mode="after")
    def _one_redirected(self) -> Self:
        if self.redirect is not None and len(self.ids or ()) != 1:
            raise ValueError("redirect goes with exactly one id")
        return self


class DiscardRequest(BaseModel):
    """The archive whose letters to discard, as its last line names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    archive: str
    letters: Annotated[int, Field(ge=0)]
    sha256: str
    """Of the lines before the last, which proves that all of them have arrived."""


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_moment(text, utc_now())
    except ValueError as error:
        raise invalid_request([FieldFault(pointer(name), str(error))]) from None

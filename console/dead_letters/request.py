"""What a client may ask of `/v1/dead-letters`, checked."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from broker_topology.dead_letters.letter import FailedAs
from broker_topology.dead_letters.selection import Selection, by_ids, parse_moment
from common.http.problems import FieldFault, pointer
from common.http.validation import invalid_request
from common.settings import parse_rate
from common.times import utc_now
from console.dead_letters.archives import MOST_LETTERS
from console.dead_letters.reasons import Language

MOST_IDS: Final = 10_000


class LetterFilter(BaseModel):
    """Filters that must all hold."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_by_name=False
    )

    channel: Literal["email", "telegram", "vk", "webhook", "unrouted"] | None = None
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


class GroupsQuery(BaseModel):
    """The query of the groups."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    language: Language = "en"
    """Of reasons and remedies: `en` or `ru`."""


class ShowQuery(BaseModel):
    """The query of one letter."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    content: bool = False
    """Recipient and content too."""


class ArchiveRequest(BaseModel):
    """Which letters: exactly one of `ids`, `filter` and `all`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ids: Annotated[list[str], Field(min_length=1, max_length=MOST_IDS)] | None = None
    filter: LetterFilter | None = None
    all: bool = False
    """Every dead letter."""

    limit: Annotated[int, Field(ge=1, le=MOST_LETTERS)] | None = None
    """At most so many, the oldest first."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        return check_choice(self)

    def selection(self) -> Selection:
        """The letters that are meant. Raises Problem."""
        if self.ids is not None:
            return by_ids(self.ids)
        return self.filter.selection() if self.filter else Selection()


Choice = TypeVar("Choice", bound=ArchiveRequest)


def check_choice(order: Choice) -> Choice:
    """It says which letters are meant. Raises ValueError."""
    if (order.ids is not None) + (order.filter is not None) + order.all != 1:
        raise ValueError("give exactly one of ids, filter and all")
    if order.filter is not None and order.filter == LetterFilter():
        raise ValueError("an empty filter means everything; say so with all")
    return order


class RequeueRequest(ArchiveRequest):
    """Which letters to send again, and how fast."""

    redirect: str | None = None
    """With exactly one id: the address on its channel to send to instead."""

    rate: str | None = None
    """At most so many: `50/s`, `1000/h`; without it as fast as the broker takes them."""

    letters: Annotated[int, Field(ge=0)] | None = None
    """How many the dry run counted; the job's `total`."""

    dry_run: bool = False
    """Only say what would happen: the answer is 200, and nothing is changed."""

    language: Language = "en"
    """Of a dry run's words: `en` or `ru`."""

    @field_validator("rate")
    @classmethod
    def _is_rate(cls, text: str | None) -> str | None:
        if text is not None:
            parse_rate(text)
        return text

    @model_validator(mode="after")
    def _one_redirected(self) -> Self:
        if self.redirect is not None and len(self.ids or ()) != 1:
            raise ValueError("redirect goes with exactly one id")
        return self


class DiscardRequest(ArchiveRequest):
    """Letters that the console keeps in an archive of its own; or those of one that you have.

    Of an archive that was downloaded: `archive`, `letters` and `sha256` as its last line says.
    """

    archive: str | None = None
    letters: Annotated[int, Field(ge=0)] | None = None
    sha256: str | None = None
    """Of the lines before the last, which proves that all of them have arrived."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        seal = (self.archive, self.letters, self.sha256)
        if all(one is None for one in seal):
            return check_choice(self)
        if None in seal:
            raise ValueError("archive, letters and sha256 go together, as the last line names them")
        if self.ids is not None or self.filter is not None or self.all or self.limit is not None:
            raise ValueError("an archive says which letters; ids, filter, all and limit do not")
        return self


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_moment(text, utc_now())
    except ValueError as error:
        raise invalid_request([FieldFault(pointer(name), str(error))]) from None

"""What the API answers, as the OpenAPI document describes it; clients may meet further members."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue


class Answer(BaseModel):
    """A JSON object of an answer."""

    model_config = ConfigDict(use_attribute_docstrings=True, validate_by_name=False)


class AcceptedDelivery(Answer):
    """One delivery that was accepted."""

    id: str
    """`<notification id>-<n>`, n from 1."""

    to: str
    """The recipient, normalised."""

    status: Literal["queued"]
    href: str
    """Where its status can be asked."""

    # `copy` is a method of BaseModel, hence the alias.
    is_copy: bool = Field(False, alias="copy")
    """True for an address from `email.cc` or `email.bcc`."""


class Accepted(Answer):
    """The broker has confirmed every delivery; none is lost from here on."""

    id: UUID
    status: Literal["queued"]
    deliveries: list[AcceptedDelivery]


class DeadLetter(Answer):
    """What failed for good; without its content, and with its recipient masked."""

    id: str
    queue: str
    channel: str | None
    priority: str | None
    to: str | None
    failed_as: Annotated[str, Field(alias="class")]
    """`rejected`, `exhausted`, `poison`, `broker`, `unrouted` or `unknown`."""

    code: str
    message: str
    """What the provider or the broker said, recipients masked."""

    failed_at: AwareDatetime | None
    attempts: int
    requeued: int
    """How often an operator has put it back."""

    accepted_at: AwareDatetime | None
    tags: list[str]
    body_bytes: Annotated[int, Field(alias="bytes")]
    decodable: bool


class DeadLetterStep(Answer):
    """Something that happened to a dead letter."""

    at: AwareDatetime | None
    what: str


class DeadLetterInFull(DeadLetter):
    """One dead letter with all that is known of it."""

    host: str | None
    expires_at: AwareDatetime | None
    fault: str | None
    """Why it cannot be decoded."""

    history: list[DeadLetterStep]
    headers: dict[str, JsonValue]
    content: JsonValue = None
    """Only with `content=true`: the delivery; of what cannot be decoded, its text."""


class DeadLetterPage(Answer):
    """Dead letters, the oldest first in each queue."""

    dead_letters: list[DeadLetter]
    more: bool
    """Whether there are more than `limit`."""


class DeadLetterGroup(Answer):
    """How many dead letters of a queue share a reason."""

    queue: str
    failed_as: Annotated[str, Field(alias="class")]
    code: str
    count: int
    first_failed_at: AwareDatetime | None
    last_failed_at: AwareDatetime | None


class DeadLetterGroups(Answer):
    """Counts by reason, the most frequent first: the answer to `group=true`."""

    groups: list[DeadLetterGroup]


class Requeued(Answer):
    """How many dead letters were sent again."""

    requeued: int
    undecodable: int
    """These cannot be sent, and stay."""

    missing: list[str]
    """Ids of which there is no dead letter."""


class Discarded(Answer):
    """How many dead letters were taken out."""

    discarded: int
    file: str | None
    """On the API's machine: it has them all."""

    missing: list[str]


class Liveness(Answer):
    """The process lives."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether notifications can be accepted now."""

    broker: Literal["ok", "unreachable", "not answering"]
    topology: Literal["ok", "unknown"] | list[str]
    """A list names the exchanges and queues that are missing."""


class ErrorCode(Answer):
    """One entry of the catalogue of error codes."""

    code: str
    status: int
    title: str
    remedy: str


class FieldFault(Answer):
    """One thing that is wrong with the request."""

    path: str
    """JSON Pointer into the body, such as `/to/1`, or `/` and a parameter of the query."""

    message: str


class UnacceptedDelivery(Answer):
    """One delivery that the broker did not confirm."""

    id: str
    to: str
    code: str
    unknown: bool
    """Whether it may have been accepted all the same."""


class ProblemDocument(Answer):
    """RFC 9457 problem document, `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable; `GET /problems` lists them all."""

    errors: list[FieldFault] = []
    """Every fault of a refused request."""

    id: UUID | None = None
    """The notification of which not all was accepted."""

    accepted: list[AcceptedDelivery] = []
    """These will be sent."""

    not_accepted: list[UnacceptedDelivery] = []
    missing: list[str] = []
    """Exchanges and queues that the broker lacks."""

    done: int | None = None
    """How many dead letters were worked on before."""

"""What the console answers, as its OpenAPI document describes it; clients may meet more members."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from common.http.documentation import models
from common.http.documentation.models import Answer


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


class Job(Answer):
    """Work that goes on when nobody looks; remembered by the process that does it."""

    id: str
    kind: Literal["requeue", "discard"]
    state: Literal["running", "done", "cancelled", "failed"]
    done: int
    """Letters that were worked on so far."""

    total: int | None
    """Letters that are to be worked on; null when nobody has counted them."""

    result: dict[str, JsonValue] | None
    """When it is done. requeue: `requeued`, `undecodable` (these stay), `missing` (ids of which
    there is no dead letter). discard: `discarded`, `gone_before` (they were not there any more)."""

    problem: JsonValue
    """When it has failed: a problem document."""

    began_at: AwareDatetime
    ended_at: AwareDatetime | None


class JobList(Answer):
    """Jobs, the latest first."""

    jobs: list[Job]


class Readiness(Answer):
    """Whether dead letters can be worked on now."""

    broker: Literal["ok", "unreachable"]


class ProblemDocument(models.ProblemDocument):
    """RFC 9457 problem document, `application/problem+json`."""

    done: int | None = None
    """How many dead letters were worked on before."""

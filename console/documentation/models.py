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


class Draft(Answer):
    """A notification as `POST /v1/notifications` of the API takes it, to exactly one recipient."""

    to: str
    priority: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    email: JsonValue = None
    telegram: JsonValue = None
    vk: JsonValue = None
    webhook: JsonValue = None
    callback_url: str | None = None
    callback_events: list[str] | None = None
    tags: list[str] | None = None
    metadata: dict[str, JsonValue] | None = None


class Replaced(Answer):
    """What was sent in a letter's place."""

    id: str
    """Of the new notification; its origin names the letter."""

    replaces: str


class PlainReason(Answer):
    """Why, in plain words."""

    key: str
    """A word that stays, whatever the language."""

    says: str


class DryRunGroup(Answer):
    """Letters of one channel and reason."""

    channel: str | None
    failed_as: Annotated[str, Field(alias="class")]
    code: str
    reason: PlainReason
    remedy: str
    count: int


class LetterGroup(DryRunGroup):
    """Dead letters of a queue that share a reason."""

    queue: str
    trend: list[int]
    """How many failed in each of the last 48 hours, the one under way last."""

    first_failed_at: AwareDatetime | None
    last_failed_at: AwareDatetime | None
    example: str | None
    """One recipient, masked."""

    filter: dict[str, str | None]
    """Means exactly these letters, in the body of a requeue, archive or discard."""


class LetterGroups(Answer):
    """Dead letters by reason, the largest group first."""

    groups: list[LetterGroup]
    total: int
    more: int
    """Letters beyond the first 1000 groups."""

    source: Literal["queue", "store", "none"]
    """`queue`: counted there, which is the truth; `store`: as the journal knows it; `none`: nobody
    could tell."""

    counted_at: AwareDatetime
    counting: bool
    """The queues are being counted: ask again soon."""

    fault: str | None
    """Why the queues could not be counted, as a problem's code: `dead_letters_busy` while a job
    works on them."""


class Trouble(Answer):
    """What would hold the letters of a channel up."""

    channel: str
    code: Literal["no_sender", "account_refused", "held"]
    says: str


class DryRun(Answer):
    """What a requeue would do; nothing was changed."""

    would_requeue: int
    groups: list[DryRunGroup]
    recipients: int
    """How many different ones."""

    example: str | None
    """One of them, masked."""

    undecodable: int
    """Letters that would stay."""

    missing: list[str]
    takes_s: float
    """Until the last is back in its queue."""

    takes_exactly: bool
    """Whether a rate says so; else it is a guess."""

    wrong: list[Trouble]


class Job(Answer):
    """Work that goes on when nobody looks."""

    id: str
    kind: Literal["requeue", "discard", "import"]
    actor: str
    """Who began it."""

    state: Literal["running", "done", "cancelled", "failed", "interrupted"]
    """`interrupted`: its console was stopped or killed."""

    done: int
    """Letters that were worked on so far; after a kill, at least so many."""

    total: int | None
    """Letters that are to be worked on; null when nobody has counted them."""

    exact: bool
    """False after a kill."""

    said: str
    """How far it came, in words that say how exact they are."""

    wanted: dict[str, JsonValue]
    """Which letters, and how: filters, the first 20 `ids`, `all`, `limit`, `rate`, `redirected`,
    `archive`; nobody's address."""

    result: dict[str, JsonValue] | None
    """When it is done. requeue: `requeued`, `undecodable` (these stay), `missing` (ids of which
    there is no dead letter). discard: `discarded`, `missing`, and the `archive` that keeps them;
    of an archive that you have `discarded`, `gone_before` (they were not there any more). import:
    `imported`, `already_there`, `imported_before`."""

    problem: JsonValue
    """When it has failed: a problem document."""

    began_at: AwareDatetime
    ended_at: AwareDatetime | None
    kept: Literal["store", "memory"]
    """`memory`: it is forgotten when the console ends."""

    continues: str | None
    """The job whose rest it does."""

    continued_by: str | None
    can_be_continued: bool


class JobList(Answer):
    """Jobs, the latest first: of this console, and of every other one that the store knows of."""

    jobs: list[Job]
    store: Literal["ok", "none", "unavailable"]
    """`none`, `unavailable`: these are this console's own since its start."""


class KeptArchive(Answer):
    """What a discard took out of the broker, on the console's disk."""

    archive: str
    file_bytes: Annotated[int, Field(alias="bytes")]
    at: AwareDatetime
    until: AwareDatetime
    """Then it is removed, and cannot be undone any more."""


class KeptArchives(Answer):
    """Archives, the latest first."""

    archives: list[KeptArchive]


class Readiness(Answer):
    """Whether dead letters can be worked on now."""

    broker: Literal["ok", "unreachable"]


class ProblemDocument(models.ProblemDocument):
    """RFC 9457 problem document, `application/problem+json`."""

    done: int | None = None
    """How many dead letters were worked on before."""

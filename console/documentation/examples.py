"""Examples of the OpenAPI document: requests, and the answers that our own code makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from broker_topology.dead_letters.archive import Seal
from broker_topology.dead_letters.letter import DeadLetter, Group
from broker_topology.dead_letters.report import group_json, letter_json, specimen_json
from broker_topology.dead_letters.walk import Specimen
from common.channels import Channel
from common.envelope import Delivery
from common.http.documentation.examples import problems_by_code
from common.http.documentation.openapi import Examples
from common.http.problems import FieldFault, Problem
from common.http.validation import invalid_request
from common.settings import parse_rate
from console.dead_letters.groups import Groups, LetterGroup
from console.dead_letters.kept import KeptArchive
from console.dead_letters.replacing import draft_of
from console.dead_letters.shown import groups_json, trial_json
from console.dead_letters.trial import Trial
from console.jobs.job import Job, State
from console.jobs.order import Order

_ID: Final = "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
_NOW: Final = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
_DELIVERY: Final = Delivery(
    id=f"{_ID}-1",
    notification_id=_ID,
    channel=Channel.EMAIL,
    address="ada@example.com",
    subject="Order shipped",
    text="Your order 7 is on its way.",
    accepted_at=_NOW,
    expires_at=_NOW + timedelta(days=1),
    tags=["orders"],
)
_SEAL: Final = Seal(
    archive=f"dead-letters-{_ID}",
    letters=2,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)

REQUEUES: Final[Examples] = {
    "what a mail server could not take": {
        "filter": {"channel": "email", "class": "exhausted", "since": "2h"}
    },
    "one, to another address": {"ids": [f"{_ID}-1"], "redirect": "bob@example.com"},
}
ARCHIVES: Final[Examples] = {
    "two letters": {"ids": [f"{_ID}-1", f"{_ID}-2"]},
    "everything": {"all": True},
}
DISCARDS: Final[Examples] = {
    "into an archive of the console": {"filter": {"class": "rejected", "until": "30d"}},
    "what the last line of yours says": _SEAL.model_dump(include={"archive", "letters", "sha256"}),
}
_KEPT: Final = KeptArchive(
    "discarded-20260501T123000Z-9f86d081", 18_212, _NOW, _NOW + timedelta(days=7)
)
KEPT_ARCHIVES: Final[Examples] = {"one": {"archives": [_KEPT.document()]}}
ARCHIVE: Final = f'''\
{{"v": 1, "id": "{_ID}-1", "queue": "email.dead", …}}
{{"v": 1, "id": "{_ID}-2", "queue": "vk.dead", …}}
{_SEAL.line().decode()}'''

KEPT_ARCHIVE: Final = ARCHIVE.rpartition("{")[0]

_LETTER: Final = DeadLetter(
    id=_DELIVERY.id,
    queue="email.dead",
    channel="email",
    priority="normal",
    address="ada@example.com",
    failed_as="rejected",
    code="550 5.1.1",
    message="no such user here",
    failed_at=_NOW + timedelta(seconds=3),
    host="worker-1",
    attempts=1,
    generation=0,
    accepted_at=_NOW,
    expires_at=_DELIVERY.expires_at,
    tags=("orders",),
    body_bytes=len(_DELIVERY.encode()),
)
_SPECIMEN: Final = Specimen(
    letter=_LETTER,
    headers={"gw-attempt": 1, "gw-fail-class": "rejected", "gw-fail-code": "550 5.1.1"},
    body=_DELIVERY.encode(),
    exchange="dead",
    routing_key="email.normal",
    message_id=_DELIVERY.id,
)
_GROUP: Final = Group("email.dead", "rejected", "550 5.1.1", 12, _NOW, _NOW + timedelta(hours=2))

_COUNTED: Final = LetterGroup(
    "email.dead", "email", "rejected", "550 5.1.1", 12, _NOW, _NOW + timedelta(hours=2)
)
_COUNTED.example = "email:a•wx6i•@example.com"
_TRIAL: Final = Trial(parse_rate("50/s"))
_TRIAL.add(_LETTER)
LETTER_GROUPS: Final[Examples] = {"by reason": groups_json(Groups([_COUNTED], "queue", _NOW), "en")}
DRY_RUNS: Final[Examples] = {"dry_run": trial_json(_TRIAL, "en")}

DRAFTS: Final[Examples] = {"as it was": draft_of(_SPECIMEN)}
REPLACED: Final[Examples] = {"accepted": {"id": _ID, "replaces": _DELIVERY.id}}

PAGES: Final[Examples] = {"letters": {"dead_letters": [letter_json(_LETTER)], "more": False}}
GROUPS: Final[Examples] = {"group=true": {"groups": [group_json(_GROUP)]}}
LETTERS: Final[Examples] = {
    "masked": specimen_json(_SPECIMEN, content=False),
    "content=true": specimen_json(_SPECIMEN, content=True),
}


_ORDER: Final = Order(channel="email", code="550*", rate="50/s")


def _job(kind: str, done: int, total: int | None) -> Job:
    job = Job(_ID, kind, total, "console 10.0.0.7", order=_ORDER, began_at=_NOW, is_kept=True)
    job.walk.note(done)
    return job


def _ended(job: Job, state: State) -> Job:
    job.state, job.ended_at = state, _NOW + timedelta(seconds=8)
    return job


_DONE: Final = _ended(_job("requeue", 12, None), State.DONE)
_DONE.result = {"requeued": 12, "undecodable": 0, "missing": []}
_FAILED: Final = _ended(_job("discard", 7, 12), State.FAILED)
_FAILED.problem = Problem(
    "dead_letters_interrupted", "the broker was lost on the way", members={"done": 7}
).document()

BEGUN: Final[Examples] = {"begun": _job("requeue", 0, None).document()}
JOB_STATES: Final[Examples] = {
    "under way": _job("discard", 4, 12).document(),
    "done": _DONE.document(),
    "failed": _FAILED.document(),
}
JOBS: Final[Examples] = {"latest first": {"jobs": [_DONE.document()], "store": "ok"}}
CANCELLED: Final[Examples] = {
    "it ends": _ended(_job("requeue", 4, None), State.CANCELLED).document()
}
READY: Final[Examples] = {"ready": {"broker": "ok"}}
NOT_READY: Final[Examples] = {"no broker": {"broker": "unreachable"}}

PROBLEMS: Final = problems_by_code(
    Problem("csrf_token_missing", "the header X-CSRF-Token must be what the console's page gave"),
    Problem("role_missing", "this takes an operator; you are a viewer"),
    Problem("dead_letter_not_found", f"There is no dead letter {_ID}-1."),
    Problem("archive_not_found", f"there is no archive {_SEAL.archive}"),
    Problem("job_not_found", f"there is no job {_ID}"),
    Problem("method_not_allowed", "/v1/dead-letters takes GET, HEAD, OPTIONS only"),
    Problem("dead_letters_busy", "8 others are at work on dead letters"),
    Problem("job_not_continued", "it is done"),
    Problem("archive_differs", f"the archive {_SEAL.archive} has 2 letters, and another sha256"),
    invalid_request([FieldFault("", "give exactly one of ids, filter and all")]),
    Problem("broker_unreachable", "the broker cannot be reached, or does not answer"),
    Problem(
        "dead_letters_refused",
        "The broker has no queue for email.dead: run `gateway topology apply`.",
        members={"done": 0},
    ),
    Problem("dead_letters_interrupted", "the broker was lost on the way", members={"done": 7}),
)
"""One per code of the console's part of the catalogue."""

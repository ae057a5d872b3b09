"""Every operation of the console as its OpenAPI document describes it: name, request, models."""

from functools import partial
from typing import Final

from common.http.catalogue import CONSOLE
from common.http.documentation.models import ErrorCode, Liveness
from common.http.documentation.openapi import (
    WITH_BODY,
    ProblemResponses,
    Shared,
    answer,
    json_request,
    openapi_document,
    operation,
    path_parameter,
    query_parameters,
    text_answer,
    together,
)
from console.dead_letters.request import (
    ArchiveRequest,
    DiscardRequest,
    GroupsQuery,
    LetterQuery,
    RequeueRequest,
    ShowQuery,
)
from console.documentation import examples, models
from console.jobs.request import JobQuery

PROBLEMS: Final = ProblemResponses(CONSOLE, examples.PROBLEMS, models.ProblemDocument)
SHARED: Final = Shared(PROBLEMS)

_LET_IN: Final = ("unauthorized", "role_missing")
_CHANGING: Final = (*_LET_IN, "csrf_token_missing")
_READING: Final = (
    *_LET_IN,
    "dead_letters_busy",
    "invalid_request",
    "broker_unreachable",
    "dead_letters_refused",
)
_BEGUN: Final = answer(
    models.Job,
    description="a job does it; what becomes of it is at Location",
    shown=examples.BEGUN,
    status=202,
    headers={"Location": "the job"},
)

LIST_DEAD_LETTERS: Final = operation(
    "listDeadLetters",
    "List dead letters",
    "dead letters",
    answer(
        models.DeadLetterPage,
        models.DeadLetterGroups,
        description="letters, or with `group=true` their counts by reason",
        shown=examples.PAGES | examples.GROUPS,
    )
    | PROBLEMS.of(*_READING),
    query_parameters(LetterQuery),
)
SHOW_DEAD_LETTER: Final = operation(
    "showDeadLetter",
    "Show one dead letter",
    "dead letters",
    answer(models.DeadLetterInFull, description="the letter", shown=examples.LETTERS)
    | PROBLEMS.of(*_READING, "dead_letter_not_found"),
    query_parameters(ShowQuery),
)
GROUP_DEAD_LETTERS: Final = operation(
    "groupDeadLetters",
    "Dead letters by reason",
    "dead letters",
    answer(models.LetterGroups, description="the groups", shown=examples.LETTER_GROUPS)
    | PROBLEMS.of("unauthorized", "invalid_request"),
    query_parameters(GroupsQuery),
)
REQUEUE_DEAD_LETTERS: Final = operation(
    "requeueDeadLetters",
    "Send dead letters again",
    "dead letters",
    _BEGUN
    | answer(models.DryRun, description="with `dry_run`: nothing done", shown=examples.DRY_RUNS)
    | PROBLEMS.of(*_READING, *_CHANGING, *WITH_BODY, "dead_letter_not_found"),
    json_request(RequeueRequest, examples.REQUEUES),
) | {"status_code": 202}
DRAFT_LETTER: Final = operation(
    "draftDeadLetter",
    "A dead letter as a request",
    "dead letters",
    answer(models.Draft, description="what would send it again", shown=examples.DRAFTS)
    | PROBLEMS.of(*_READING, "dead_letter_not_found"),
    {"security": [{"bearer": []}]} | path_parameter("letter_id", "of the letter"),
)
REPLACE_LETTER: Final = operation(
    "replaceDeadLetter",
    "Edit a dead letter and send it",
    "dead letters",
    answer(
        models.Replaced,
        description="the new notification is accepted, and the letter is gone",
        shown=examples.REPLACED,
        status=202,
    )
    | PROBLEMS.of(*_READING, *_CHANGING, *WITH_BODY, "dead_letter_not_found"),
    {"security": [{"bearer": []}]}
    | path_parameter("letter_id", "of the letter")
    | json_request(models.Draft, examples.DRAFTS),
) | {"status_code": 202}
ARCHIVE_DEAD_LETTERS: Final = operation(
    "archiveDeadLetters",
    "Download dead letters",
    "dead letters",
    text_answer(
        description="the letters line by line, and a last line that says what was in them",
        shown=examples.ARCHIVE,
        media_type="application/x-ndjson",
    )
    | PROBLEMS.of(*_READING, *_CHANGING, *WITH_BODY),
    json_request(ArchiveRequest, examples.ARCHIVES),
)
DISCARD_DEAD_LETTERS: Final = operation(
    "discardDeadLetters",
    "Discard the letters of an archive",
    "dead letters",
    _BEGUN
    | PROBLEMS.of(
        *_CHANGING, "dead_letters_busy", *WITH_BODY, "archive_not_found", "archive_differs"
    ),
    json_request(DiscardRequest, examples.DISCARDS),
) | {"status_code": 202}

LIST_JOBS: Final = operation(
    "listJobs",
    "Jobs, the latest first",
    "jobs",
    answer(models.JobList, description="all that are remembered", shown=examples.JOBS)
    | PROBLEMS.of(*_LET_IN),
    {"security": [{"bearer": []}]},
)
SHOW_JOB: Final = operation(
    "showJob",
    "How far a job is",
    "jobs",
    answer(models.Job, description="the job", shown=examples.JOB_STATES)
    | PROBLEMS.of(*_LET_IN, "invalid_request", "job_not_found"),
    query_parameters(JobQuery),
)
CANCEL_JOB: Final = operation(
    "cancelJob",
    "Cancel a job",
    "jobs",
    together(
        answer(models.Job, description="it had ended before", shown=examples.CANCELLED),
        answer(
            models.Job,
            description="it ends at the letter it is at",
            shown=examples.BEGUN,
            status=202,
        ),
        PROBLEMS.of(*_CHANGING, "job_not_found"),
    ),
    {"security": [{"bearer": []}]} | path_parameter("job_id", "as the job was answered"),
)

CONTINUE_JOB: Final = operation(
    "continueJob",
    "Do the rest of a job",
    "jobs",
    _BEGUN | PROBLEMS.of("unauthorized", "dead_letters_busy", "job_not_found", "job_not_continued"),
    {"security": [{"bearer": []}]} | path_parameter("job_id", "as the job was answered"),
) | {"status_code": 202}

LIST_ARCHIVES: Final = operation(
    "listArchives",
    "What was discarded and can be put back",
    "dead letters",
    answer(models.KeptArchives, description="all that are kept", shown=examples.KEPT_ARCHIVES)
    | PROBLEMS.of("unauthorized"),
    {"security": [{"bearer": []}]},
)
DOWNLOAD_ARCHIVE: Final = operation(
    "downloadArchive",
    "Download what was discarded",
    "dead letters",
    text_answer(
        description="the letters line by line",
        shown=examples.KEPT_ARCHIVE,
        media_type="application/x-ndjson",
    )
    | PROBLEMS.of("unauthorized", "archive_not_found"),
    {"security": [{"bearer": []}]} | path_parameter("name", "of the archive"),
)
UNDO_DISCARD: Final = operation(
    "undoDiscard",
    "Put back what was discarded",
    "dead letters",
    _BEGUN | PROBLEMS.of("unauthorized", "dead_letters_busy", "archive_not_found"),
    {"security": [{"bearer": []}]} | path_parameter("name", "of the archive"),
) | {"status_code": 202}

CHECK_READINESS: Final = operation(
    "checkReadiness",
    "Readiness",
    "health",
    together(
        answer(models.Readiness, description="it can work", shown=examples.READY),
        answer(models.Readiness, description="it cannot now", shown=examples.NOT_READY, status=503),
        PROBLEMS.of(),
    ),
)

DOCUMENT: Final = partial(
    openapi_document,
    models=(
        RequeueRequest,
        ArchiveRequest,
        DiscardRequest,
        models.DeadLetterPage,
        models.DeadLetterGroups,
        models.DeadLetterInFull,
        models.Job,
        models.JobList,
        models.KeptArchives,
        models.LetterGroups,
        models.DryRun,
        models.Draft,
        models.Replaced,
        Liveness,
        models.Readiness,
        ErrorCode,
        models.ProblemDocument,
    ),
    key="GATEWAY_CONSOLE_KEY",
)
"""Makes the whole document of an application."""

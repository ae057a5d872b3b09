"""What became of a notification, said to people or as JSON, and as an exit code."""

import sys
from enum import IntEnum
from typing import Any

from admin.api_client import Answer
from admin.live.following import Course
from admin.shown import escaped, json_text
from common.envelope import Event, EventType


class Result(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    UNFINISHED = 3


def accepted(answer: Answer) -> list[dict[str, Any]]:
    """The deliveries that the API took: all of a 202, some of a partly accepted 503."""
    accepted: list[dict[str, Any]] = answer.body.get("deliveries") or answer.body.get(
        "accepted", []
    )
    return accepted


def report(answer: Answer, courses: dict[str, Course], *, wait: bool, as_json: bool) -> Result:
    """Say how it went, and return the exit code."""
    is_refused = answer.status != 202
    code = Result.FAILED if is_refused else _result(courses, wait=wait)
    deliveries = [_outcome(one, courses.get(one["id"])) for one in accepted(answer)]
    if as_json:
        _print_json(answer, deliveries, code, is_refused=is_refused, wait=wait)
        return code
    if not wait:
        print_accepted(answer)
    for one in deliveries if wait else []:
        reason = f"  {one['code']} {one['message']}".rstrip() if one["code"] else ""
        print(escaped(f"{one['id']}  {one['to']}  {one['status']}{reason}"))
    if is_refused:
        _print_problem(answer.body)
    return code


def _result(courses: dict[str, Course], *, wait: bool) -> Result:
    if not wait:
        return Result.DONE
    ends = [course.end for course in courses.values()]
    if any(end is not None and end.type is not EventType.SENT for end in ends):
        return Result.FAILED
    return Result.UNFINISHED if None in ends else Result.DONE


def _outcome(delivery: dict[str, Any], course: Course | None) -> dict[str, Any]:
    last = (course.end or course.last) if course else None
    is_sent = last is not None and last.type is EventType.SENT
    return {
        "id": delivery["id"],
        "to": delivery["to"],
        "status": last.type.value if last else delivery["status"],
        "attempts": last.attempt if last else 0,
        "code": last.code if last and not is_sent else None,
        "message": last.message if last and not is_sent else None,
    }


def print_accepted(answer: Answer) -> None:
    for one in accepted(answer):
        print(escaped(f"{one['id']}  {one['to']}  {one['status']}"), flush=True)


def _print_problem(problem: dict[str, Any]) -> None:
    faults = problem.get("errors", [])
    left = problem.get("not_accepted", [])
    sentences = [f"{fault['path']}: {fault['message']}" for fault in faults]
    sentences += [f"{one['to']} was not accepted ({one['code']})" for one in left]
    # The detail of a request with faults is its first fault.
    said = problem.get("title") if faults else problem.get("detail")
    print(escaped(f"gateway: refused ({problem.get('code')}): {said}"), file=sys.stderr)
    for sentence in sentences:
        print(escaped(f"  {sentence}"), file=sys.stderr)


def _print_json(
    answer: Answer,
    deliveries: list[dict[str, Any]],
    code: Result,
    *,
    is_refused: bool,
    wait: bool,
) -> None:
    words = {Result.DONE: "sent" if wait else "accepted", Result.FAILED: "failed"}
    report: dict[str, Any] = {
        "result": "refused" if is_refused else words.get(code, "unfinished"),
        "id": answer.body.get("id"),
        "deliveries": deliveries,
    }
    print(json_text(report | ({"problem": answer.body} if is_refused else {}), indent=2))


def tell(event: Event) -> None:
    """Progress, on stderr: what came to pass and is not the end."""
    if event.type in (EventType.RETRYING, EventType.DELAYED):
        at = f", again at {event.next_at:%H:%M:%S} UTC" if event.next_at else ""
        reason = f"{event.code or ''} {event.message or ''}".strip()
        said = f"{event.delivery_id}  {event.type.value}: {reason}{at}"
        print(escaped(said), file=sys.stderr)

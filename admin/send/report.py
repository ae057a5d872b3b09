"""What became of a notification, said to people or as JSON, and as an exit code."""

import sys
from enum import IntEnum
from typing import Any

from admin.api_client import SHOW_A_KEY, Posted
from admin.command_line.printing import note
from admin.command_line.shown import escaped, json_text
from admin.send.course import Course
from common.envelope import EventType
from gateway_client import AcceptedDelivery, Event, Refused


class Result(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    UNFINISHED = 3


def report(posted: Posted, courses: dict[str, Course], *, wait: bool, as_json: bool) -> Result:
    """Say how it went, and return the exit code."""
    code = Result.FAILED if posted.refusal else _result(courses, wait=wait)
    deliveries = [_outcome(one, courses.get(one.id)) for one in posted.accepted]
    if as_json:
        _print_json(posted, deliveries, code, wait=wait)
        return code
    if not wait:
        print_accepted(posted)
    for one in deliveries if wait else []:
        reason = f"  {one['code']} {one['message']}".rstrip() if one["code"] else ""
        print(escaped(f"{one['id']}  {one['to']}  {one['status']}{reason}"))
    if posted.refusal is not None:
        _print_problem(posted.refusal)
    return code


def _result(courses: dict[str, Course], *, wait: bool) -> Result:
    if not wait:
        return Result.DONE
    ended = [course for course in courses.values() if course.is_ended]
    if any(course.status != EventType.SENT for course in ended):
        return Result.FAILED
    return Result.DONE if len(ended) == len(courses) else Result.UNFINISHED


def _outcome(delivery: AcceptedDelivery, course: Course | None) -> dict[str, Any]:
    last = course.last if course else None
    is_sent = last is not None and last.type == EventType.SENT
    return {
        "id": delivery.id,
        "to": delivery.to,
        "status": last.status if last else delivery.status,
        "attempts": last.attempt if last else 0,
        "code": last.code if last and not is_sent else None,
        "message": last.message if last and not is_sent else None,
    }


def print_accepted(posted: Posted) -> None:
    """A line for each delivery that was accepted."""
    for one in posted.accepted:
        print(escaped(f"{one.id}  {one.to}  {one.status}"), flush=True)


def _print_problem(refusal: Refused) -> None:
    problem = refusal.document
    left = problem.get("not_accepted", [])
    sentences = [f"{fault.path}: {fault.message}" for fault in refusal.errors]
    sentences += [SHOW_A_KEY] if refusal.code == "unauthorized" else []
    sentences += [f"{one['to']} was not accepted ({one['code']})" for one in left]
    # The detail of a request with faults is its first fault.
    said = problem.get("title") if refusal.errors else problem.get("detail")
    note(f"refused ({refusal.code}): {said}")
    for sentence in sentences:
        print(escaped(f"  {sentence}"), file=sys.stderr)


def _print_json(
    posted: Posted, deliveries: list[dict[str, Any]], code: Result, *, wait: bool
) -> None:
    words = {Result.DONE: "sent" if wait else "accepted", Result.FAILED: "failed"}
    report: dict[str, Any] = {
        "result": "refused" if posted.refusal else words.get(code, "unfinished"),
        "id": posted.id,
        "deliveries": deliveries,
    }
    problem = {"problem": posted.refusal.document} if posted.refusal else {}
    print(json_text(report | problem, indent=2))


def tell(event: Event) -> None:
    """Progress, on stderr: what came to pass and is not the end."""
    if event.type in (EventType.RETRYING, EventType.DELAYED):
        at = f", again at {event.next_at:%H:%M:%S} UTC" if event.next_at else ""
        reason = f"{event.code or ''} {event.message or ''}".strip()
        print(escaped(f"{event.delivery_id}  {event.type}: {reason}{at}"), file=sys.stderr)

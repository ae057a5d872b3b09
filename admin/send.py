"""`gateway send`: one notification through the HTTP API, its fate as the exit code."""

import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from admin import send_options as options
from admin.api_client import Answer, api_url, check_api_url, post_notification
from admin.here import EnvFile, settings_here
from admin.live.following import Course, Follower
from admin.shown import escaped, json_text
from common.channels import EXAMPLES, Priority
from common.envelope import Event, EventType
from common.settings import load_settings, parse_duration_s

_STDIN = "-"


class Result(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    UNFINISHED = 3


def send(
    to: Annotated[
        list[str],
        typer.Argument(help=f"Recipients: {' '.join(EXAMPLES)}.", show_default=False),
    ],
    subject: Annotated[str | None, typer.Option(help="Subject; an email needs one.")] = None,
    text: Annotated[str | None, typer.Option(help="The text; - reads it from stdin.")] = None,
    html: Annotated[
        str | None, typer.Option(help="HTML body of an email; - reads it from stdin.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="A file that holds the text, in UTF-8; - is stdin.")
    ] = None,
    priority: Annotated[Priority, typer.Option(help="Which queue it waits in.")] = Priority.NORMAL,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until each has ended (needs the broker).")
    ] = False,
    timeout: Annotated[
        str, typer.Option(help="How long --wait waits, such as 30s, 2m or 1h.")
    ] = "60s",
    api: Annotated[
        str | None,
        typer.Option(help="The API's address; of GATEWAY_API_HOST and _PORT if not given."),
    ] = None,
    expires_in_s: options.ExpiresInS = None,
    tags: options.Tags = None,
    metadata: options.Metadata = None,
    from_name: options.FromName = None,
    reply_to: options.ReplyTo = None,
    cc: options.Cc = None,
    bcc: options.Bcc = None,
    headers: options.Headers = None,
    parse_mode: options.ParseMode = None,
    disable_notification: options.DisableNotification = False,
    message_thread_id: options.MessageThreadId = None,
    protect_content: options.ProtectContent = False,
    link_preview: options.LinkPreview = None,
    buttons: options.Buttons = None,
    on_unknown: options.OnUnknown = None,
    keyboard: options.Keyboard = None,
    dont_parse_links: options.DontParseLinks = False,
    env_file: EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Send a notification to one or more recipients; prints the id of each delivery.

    Exit code 0: accepted (with --wait: all sent); 1: refused or failed; 2: wrong arguments;
    3: not ended within --timeout. JSON: {result: accepted|sent|failed|unfinished|refused, id,
    deliveries: list of {id, to, status, attempts, code, message}} or {result, problem}.
    """
    request = _request(to, subject, _content(text, html, file), priority)
    request |= options.given(expires_in_s=expires_in_s, tags=tags, metadata=metadata)
    request |= options.channel_options(
        email=options.given(
            from_name=from_name, reply_to=reply_to, cc=cc, bcc=bcc, headers=headers
        ),
        telegram=options.given(
            parse_mode=parse_mode,
            disable_notification=disable_notification,
            message_thread_id=message_thread_id,
            protect_content=protect_content,
            link_preview=link_preview,
            buttons=buttons,
            on_unknown=on_unknown,
        ),
        vk=options.given(keyboard=keyboard, dont_parse_links=dont_parse_links),
    )
    timeout_s = _timeout_s(timeout)
    settings = load_settings() if api and env_file is None else settings_here(env_file)
    try:
        address = check_api_url(api) if api else api_url(settings)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--api") from None
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if not wait:
        answer = post_notification(address, key, request)
        raise typer.Exit(_report(answer, {}, wait=False, as_json=as_json))
    tell = None if as_json else _tell
    # Listening begins before the POST, or a quick delivery's event would be missed.
    with Follower(settings.broker_url, tell) as follower:
        answer = post_notification(address, key, request)
        if not as_json:
            _print_accepted(answer)
        courses = follower.until_ended(_ids(answer), timeout_s)
    result = _report(answer, courses, wait=True, as_json=as_json)
    if result is Result.UNFINISHED:
        sentence = f"gateway: not ended within {timeout} (--timeout); the gateway goes on with it"
        print(sentence, file=sys.stderr)
    raise typer.Exit(result)


def _request(
    to: list[str], subject: str | None, content: dict[str, str], priority: Priority
) -> dict[str, Any]:
    request: dict[str, Any] = {"to": to, "priority": priority.value} | content
    return request | ({} if subject is None else {"subject": subject})


def _content(text: str | None, html: str | None, file: str | None) -> dict[str, str]:
    """Text and HTML from where they were said to be. Raises typer.BadParameter."""
    if text is not None and file is not None:
        raise typer.BadParameter("give the text with --text or with --file, not with both")
    if text is None and file is None and html is None:
        raise typer.BadParameter("nothing to send: give --text, --html or --file")
    if [text, html, file].count(_STDIN) > 1:
        raise typer.BadParameter("only one of --text, --html and --file can be -, that is stdin")
    content = {}
    if html is not None:
        content["html"] = _stdin() if html == _STDIN else html
    if text is not None:
        content["text"] = _stdin() if text == _STDIN else text
    elif file is not None:
        content["text"] = _stdin() if file == _STDIN else _read(Path(file))
    return content


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise typer.BadParameter("what stdin holds is not text in UTF-8") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not text in UTF-8", param_hint="--file") from None
    except OSError as error:
        raise typer.BadParameter(
            f"{path} cannot be read: {error.strerror}", param_hint="--file"
        ) from None


def _timeout_s(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from None


def _ids(answer: Answer) -> list[str]:
    return [delivery["id"] for delivery in _accepted(answer)]


def _accepted(answer: Answer) -> list[dict[str, Any]]:
    """The deliveries that the API took: all of a 202, some of a partly accepted 503."""
    accepted: list[dict[str, Any]] = answer.body.get("deliveries") or answer.body.get(
        "accepted", []
    )
    return accepted


def _report(answer: Answer, courses: dict[str, Course], *, wait: bool, as_json: bool) -> Result:
    """Say how it went, and return the exit code."""
    is_refused = answer.status != 202
    code = Result.FAILED if is_refused else _result(courses, wait=wait)
    deliveries = [_outcome(one, courses.get(one["id"])) for one in _accepted(answer)]
    if as_json:
        _print_json(answer, deliveries, code, is_refused=is_refused, wait=wait)
        return code
    if not wait:
        _print_accepted(answer)
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


def _print_accepted(answer: Answer) -> None:
    for one in _accepted(answer):
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


def _tell(event: Event) -> None:
    """Progress, on stderr: what came to pass and is not the end."""
    if event.type in (EventType.RETRYING, EventType.DELAYED):
        at = f", again at {event.next_at:%H:%M:%S} UTC" if event.next_at else ""
        reason = f"{event.code or ''} {event.message or ''}".strip()
        said = f"{event.delivery_id}  {event.type.value}: {reason}{at}"
        print(escaped(said), file=sys.stderr)

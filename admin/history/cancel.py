"""`gateway cancel`: stop what of notifications was not tried to its end yet."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from admin.api_client import CannotBeTold
from admin.command_line.option_groups import grouped
from admin.command_line.printing import note, print_json
from admin.dead.options import AsJson
from admin.dead.progress import reading
from admin.history.masking import masked
from admin.history.options import ApiOptions
from admin.history.status import ID
from common.errors import ArgumentError

_FAILED: Final = 1


@grouped
def cancel(
    *,
    wanted: Annotated[
        list[str], typer.Argument(metavar="ID…", help="Of notifications, as `gateway list` shows.")
    ],
    as_json: AsJson = False,
    where: ApiOptions,
) -> None:
    """Cancel notifications: what was not tried to its end yet ends before its next try.

    A try that is under way goes on, and its outcome counts; what waits for a later try is cancelled
    when its time comes. Asking twice is harmless. Exit code 0: asked for all; 1: not for all, and
    why. JSON: a list of {id, error, notification: what DELETE /v1/notifications/ID answers}.
    """
    ids = [_read_id(one) for one in wanted]
    results: list[dict[str, Any]] = []
    with reading(), where.opened() as api:
        for one in ids:
            try:
                document = masked(dict(api.cancel(one).document))
                results.append({"id": one, "error": None, "notification": document})
            except CannotBeTold as error:
                results.append({"id": one, "error": str(error), "notification": None})
            if not as_json:
                _say(results[-1])
    if as_json:
        print_json(results)
    if any(one["error"] for one in results):
        raise typer.Exit(_FAILED)


def _read_id(text: str) -> str:
    found = ID.fullmatch(text)
    if not found or re.search("-[0-9]+$", text[36:]):
        raise ArgumentError(
            f"{text!r} is no id of a notification, such as 0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6."
        )
    return found[1].lower()


def _say(result: Mapping[str, Any]) -> None:
    if result["error"]:
        note(f"{result['id']}: {result['error']}")
        return
    found = [one for one in result["notification"]["deliveries"] if one["cancel_asked_at"]]
    ended = sum(one["status"] == "cancelled" for one in found)
    print(f"{result['id']}: {len(found) - ended} deliveries will end, {ended} have ended")

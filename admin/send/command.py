"""`gateway send`: the command."""

import sys
from typing import Annotated, Any

import typer

from admin.api_client import post_notification
from admin.here import EnvFile, settings_here
from admin.history.options import address_of, read_timeout_s
from admin.live.following import Follower
from admin.option_groups import grouped
from admin.send.content import Content
from admin.send.options import CommonOptions, EmailOptions, TelegramOptions, VkOptions, given
from admin.send.report import Result, accepted, print_accepted, report, tell
from common.channels import EXAMPLES, Priority
from common.settings import load_settings


@grouped
def send(
    *,
    to: Annotated[
        list[str],
        typer.Argument(help=f"Recipients: {' '.join(EXAMPLES)}.", show_default=False),
    ],
    content: Content,
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
    common: CommonOptions,
    email: EmailOptions,
    telegram: TelegramOptions,
    vk: VkOptions,
    env_file: EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Send a notification to one or more recipients; prints the id of each delivery.

    Exit code 0: accepted (with --wait: all sent); 1: refused or failed; 2: wrong arguments;
    3: not ended within --timeout. JSON: {result: accepted|sent|failed|unfinished|refused, id,
    deliveries: list of {id, to, status, attempts, code, message}} or {result, problem}.
    """
    request: dict[str, Any] = {"to": to, "priority": priority.value} | content.read()
    request |= given(common)
    options = (("email", given(email)), ("telegram", given(telegram)), ("vk", given(vk)))
    request |= {channel: own for channel, own in options if own}
    timeout_s = read_timeout_s(timeout)
    settings = load_settings() if api and env_file is None else settings_here(env_file)
    address = address_of(api, settings)
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if not wait:
        answer = post_notification(address, key, request)
        raise typer.Exit(report(answer, {}, wait=False, as_json=as_json))
    # Listening begins before the POST, or a quick delivery's event would be missed.
    with Follower(settings.broker_url, None if as_json else tell) as follower:
        answer = post_notification(address, key, request)
        if not as_json:
            print_accepted(answer)
        courses = follower.until_ended([one["id"] for one in accepted(answer)], timeout_s)
    result = report(answer, courses, wait=True, as_json=as_json)
    if result is Result.UNFINISHED:
        sentence = f"gateway: not ended within {timeout} (--timeout); the gateway goes on with it"
        print(sentence, file=sys.stderr)
    raise typer.Exit(result)

"""`gateway send`: the command."""

from typing import Annotated, Any

import typer

from admin.api_client import gateway_at, post_notification
from admin.command_line.option_groups import grouped
from admin.command_line.printing import note
from admin.here import EnvFile, settings_here
from admin.history.options import address_of, read_timeout_s
from admin.send.content import Content
from admin.send.course import Follower
from admin.send.options import (
    CommonOptions,
    EmailOptions,
    Options,
    TelegramOptions,
    VkOptions,
    WebhookOptions,
    given,
)
from admin.send.report import Result, print_accepted, report, tell
from common.channels import EXAMPLES, Priority
from common.settings import load_settings
from gateway_client import Event


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
        bool, typer.Option("--wait", help="Wait until each has ended, as the journal tells.")
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
    webhook: WebhookOptions,
    env_file: EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Send a notification to one or more recipients; prints the id of each delivery.

    Exit code 0: accepted (with --wait: all sent); 1: refused or failed; 2: wrong arguments;
    3: not ended within --timeout. JSON: {result: accepted|sent|failed|unfinished|refused, id,
    deliveries: list of {id, to, status, attempts, code, message}} or {result, problem}.
    """
    request: dict[str, Any] = {"to": to, "priority": priority.value} | content.read(
        or_data=webhook.data
    )
    request |= given(common)
    options: dict[str, Options] = {
        "email": email,
        "telegram": telegram,
        "vk": vk,
        "webhook": webhook,
    }
    request |= {channel: own for channel, one in options.items() if (own := given(one))}
    timeout_s = read_timeout_s(timeout)
    settings = load_settings() if api and env_file is None else settings_here(env_file)
    address = address_of(api, settings)
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with gateway_at(address, key) as gateway:
        posted = post_notification(gateway, address, request)
        if not wait or posted.id is None or not posted.accepted:
            raise typer.Exit(report(posted, {}, wait=False, as_json=as_json))
        if not as_json:
            print_accepted(posted)
        follower = Follower(gateway, address, _tell_nobody if as_json else tell, note)
        ids = [one.id for one in posted.accepted]
        courses = follower.until_ended(posted.id, ids, timeout_s)
    result = report(posted, courses, wait=True, as_json=as_json)
    if result is Result.UNFINISHED and not follower.is_blind:
        note(f"not ended within {timeout} (--timeout); the gateway goes on with it")
    raise typer.Exit(result)


def _tell_nobody(_: Event) -> None: ...

"""`gateway callbacks`: the commands."""

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer

from admin.callbacks.endpoints import (
    disable_command,
    enable_command,
    list_command,
    rotate_command,
    secret_command,
    set_command,
)
from admin.callbacks.listening import Callback, Listener
from admin.callbacks.making import replay_command, try_command
from admin.command_line.shown import escaped, escaped_lines, json_text
from admin.dead.options import AsJson
from admin.here import EnvFile, settings_here
from common.errors import ArgumentError
from common.webhooks.signing import Verdict, read_secrets

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who is called back about what becomes of notifications, and webhooks as they arrive.",
)
app.command("list", short_help="Who is called back, and whether that works.")(list_command)
app.command("set", short_help="Call a URL back about all that a key sends.")(set_command)
app.command("test", short_help="Send one a test, and wait for its answer.")(try_command)
app.command("replay", short_help="Make callbacks again, since a time.")(replay_command)
app.command("enable", short_help="Call one back again.")(enable_command)
app.command("disable", short_help="Call one back no more.")(disable_command)
app.command("secret", short_help="What a key's receivers check with.")(secret_command)
app.command("rotate", short_help="Another secret for a key; both sign for a while.")(rotate_command)

DEFAULT_PORT = 8026
_MARKS = {Verdict.VALID: "✓", Verdict.INVALID: "✗", Verdict.UNSIGNED: "–"}


@app.command("listen", short_help="Take webhooks here, and print them.")
def listen_command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0 picks a free one.")
    ] = DEFAULT_PORT,
    secret: Annotated[
        str | None,
        typer.Option(
            help="Secret that should have signed, `whsec_…`; GATEWAY_CALLBACK_SECRET if not given."
        ),
    ] = None,
    answer: Annotated[
        int, typer.Option(min=200, max=599, help="HTTP status that each is answered with.")
    ] = 200,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Take webhooks on this machine until Ctrl-C, and print each with its signature checked.

    The gateway has to be allowed to send here: GATEWAY_CALLBACK_ALLOW_NETWORKS=127.0.0.1/32. JSON:
    one document a line, {at, path, signature: valid|invalid|unsigned, id, headers, body}.
    """
    keys = _keys(secret or _configured(env_file))
    with Listener(port, keys, answer, _print_json if as_json else _print_lines) as listener:
        typer.echo(f"Listening at {listener.url} (any path); Ctrl-C ends it.", err=True)
        if not keys:
            typer.echo("No secret is known, so no signature is valid: give --secret.", err=True)
        listener.serve()


def _configured(env_file: Path | None) -> str:
    secret = settings_here(env_file).callback_secret
    return secret.get_secret_value() if secret else ""


def _keys(text: str) -> tuple[bytes, ...]:
    """The keys that may have signed. Raises ArgumentError for a secret that is none."""
    try:
        return read_secrets(text) if text else ()
    except ValueError as error:
        raise ArgumentError(f"--secret cannot have signed anything: {error}.") from None


def _print_lines(callback: Callback) -> None:
    mark = f"{_MARKS[callback.signature]} {callback.signature}"
    name = escaped(callback.headers.get("webhook-id", "no id"))
    print(f"{callback.at:%H:%M:%S}  {mark:10}  POST {escaped(callback.path)}  {name}", flush=True)
    print(escaped_lines(_indented(callback.body)), flush=True)


def _indented(body: str) -> str:
    with contextlib.suppress(ValueError, RecursionError):  # no JSON, or deeper than anybody reads
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in body.splitlines())


def _print_json(callback: Callback) -> None:
    print(json_text(callback.to_json()), flush=True)

"""The command `gateway`: every group of commands has a file of its own beside this one."""

import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

import gateway_api.__main__
import senders.__main__
from admin import checks, dead, demo, doctor, send, topology, up, wording
from common.envelope import Channel
from common.errors import GatewayError
from deploy.sandbox.__main__ import main as run_sandbox

_VERSION = "--version"


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"gateway {version('message-gateway')}")
        raise typer.Exit


wording.use()
app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def gateway(
    asks_version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end; after any command too.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """One HTTP POST becomes an email, a Telegram message or a VK message, sent until it arrives."""


app.command("demo")(demo.demo)
app.command("test", context_settings=checks.PASS_ON)(checks.run_tests)
app.command("check")(checks.run_checks)
app.command("doctor")(doctor.doctor)
app.command("send")(send.send)
app.command("up")(up.up)
app.add_typer(topology.app, name="topology")
app.add_typer(dead.app, name="dead")


@app.command()
def api() -> None:
    """Run the HTTP API in the foreground; needs nothing but settings."""
    raise typer.Exit(gateway_api.__main__.main())


@app.command()
def sender(channel: Annotated[Channel, typer.Argument(help="What it sends.")]) -> None:
    """Run the sender of one channel in the foreground; needs nothing but settings."""
    raise typer.Exit(senders.__main__.main(channel.value))


@app.command()
def sandbox(
    smtp_port: Annotated[
        int, typer.Option(help="Port of the mail server; 0 is a free one.")
    ] = 2525,
    http_port: Annotated[
        int, typer.Option(help="Port of Bot API, VK API and the inbox; 0 is a free one.")
    ] = 8025,
) -> None:
    """Run the stand-in providers: mail server, Bot API and VK API, with an inbox to look at."""
    arguments = ["--smtp-port", str(smtp_port), "--http-port", str(http_port)]
    raise typer.Exit(run_sandbox(arguments))


def main() -> None:
    """Run the command line. A GatewayError is one sentence on stderr and its exit code."""
    # A terminal that closes and a plain kill end everything in order, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    words = sys.argv[1:]
    try:
        app([_VERSION] if _asks_version(words) else words, prog_name="gateway")
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _asks_version(words: list[str]) -> bool:
    *before, last = words or [""]
    names_no_value = not any(word.startswith("-") for word in before)
    return last == _VERSION and names_no_value and before[:1] != ["test"]  # pytest has its own


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

"""The command `gateway`: every group of commands has a file of its own beside this one."""

import signal
import sys
from typing import Annotated

import typer

import gateway_api.__main__
import senders.__main__
from admin import checks, dead, demo, doctor, send, topology, up
from common.envelope import Channel
from common.errors import GatewayError
from deploy.sandbox.__main__ import main as run_sandbox

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    help="One HTTP POST becomes an email, a Telegram message or a VK message, and is sent again "
    "until it arrives.",
)
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
    try:
        app(prog_name="gateway")
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

"""The command `gateway`: every group of commands has a file of its own beside this one."""

import io
import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from admin.command_line import wording
from admin.command_line.on_demand import OnDemand
from admin.command_line.shown import escaped_lines, json_text
from common.channels import sent_messages
from common.errors import GatewayError
from common.watching.redaction import hide

_VERSION, _JSON = "--version", "--json"


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"gateway {version('message-gateway')}")
        raise typer.Exit


wording.use()
app = typer.Typer(
    cls=OnDemand,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # its tables cut names off where a terminal is narrow
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


@app.callback(help=f"One HTTP POST becomes {sent_messages()}, sent until it arrives.")
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
    """What comes before the command."""


def main() -> None:
    """Run the command line. A GatewayError is one sentence on stderr and its exit code."""
    # A terminal that closes and a plain kill end everything in order, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _let_every_letter_be_printed()
    words = sys.argv[1:]
    try:
        app([_VERSION] if _asks_version(words) else words, prog_name="gateway")
    except GatewayError as error:
        sentence = hide(str(error))
        print(escaped_lines(f"gateway: {sentence}"), file=sys.stderr)
        if _JSON in words:  # whoever reads it reads stdout
            print(json_text({"error": sentence}))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _let_every_letter_be_printed() -> None:
    """What the terminal's or the log's encoding does not have becomes `?`, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _asks_version(words: list[str]) -> bool:
    *before, last = words or [""]
    names_no_value = not any(word.startswith("-") for word in before)
    return last == _VERSION and names_no_value and before[:1] != ["test"]  # pytest has its own


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

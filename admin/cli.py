"""The command `gateway`: every group of commands has a file of its own beside this one."""

import signal
import sys

import typer

from admin.on_demand import OnDemand
from common.errors import GatewayError

app = typer.Typer(
    cls=OnDemand,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def gateway() -> None:
    """One HTTP POST becomes an email, a Telegram message or a VK message, sent until it arrives."""


def main() -> None:
    """Run the command line. A GatewayError is one sentence on stderr and exit code 1."""
    # A terminal that closes and a plain kill end everything in order, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        app(prog_name="gateway")
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

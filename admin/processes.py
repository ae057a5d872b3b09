"""`gateway api`, `journal`, `sender`, …: one process in the foreground, as units do.

Each imports its code only when it runs: an email sender holds no web framework in memory.
"""

from typing import Annotated

import typer

from common.channels import Channel


def api(
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that serve its port; else GATEWAY_API_WORKERS (1)."
        ),
    ] = None,
) -> None:
    """Run the HTTP API in the foreground; needs nothing but settings."""
    from gateway_api.__main__ import main

    raise typer.Exit(main(workers))


def journal() -> None:
    """Keep what becomes of every delivery in the store; needs nothing but settings."""
    from journal.__main__ import main

    raise typer.Exit(main())


def sender(channel: Annotated[Channel, typer.Argument(help="What it sends.")]) -> None:
    """Run the sender of one channel in the foreground; needs nothing but settings."""
    from senders.__main__ import main

    raise typer.Exit(main(channel.value))


def sandbox(
    smtp_port: Annotated[
        int, typer.Option(help="Port of the mail server; 0 is a free one.")
    ] = 2525,
    http_port: Annotated[
        int, typer.Option(help="Port of Bot API, VK API, webhooks and the inbox; 0 is a free one.")
    ] = 8025,
) -> None:
    """Run the stand-in providers: mail server, Bot API, VK API and webhooks, with an inbox."""
    from deploy.local.stack import check_sandbox

    check_sandbox()
    from deploy.sandbox.__main__ import main

    raise typer.Exit(main(["--smtp-port", str(smtp_port), "--http-port", str(http_port)]))

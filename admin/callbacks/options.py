"""What the commands on endpoints are told: which endpoint, which events."""

from typing import Annotated

import typer

from common.webhooks.events import DEFAULT

EndpointId = Annotated[
    str, typer.Argument(metavar="ID", help="As `gateway callbacks list` shows it: e_….")
]
_EVENTS = f"Which, with commas: delivery.failed,notification.*; usually {','.join(DEFAULT)}."
Events = Annotated[str | None, typer.Option(help=_EVENTS)]

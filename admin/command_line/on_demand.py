"""Commands whose code is imported when they run, or when a help page lists them all."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer.main
from typer.core import TyperGroup

HOMES = {
    "demo": "admin.demo.command:demo",
    "test": "admin.checks:run_tests",
    "check": "admin.checks:run_checks",
    "bench": "admin.bench:bench",
    "doctor": "admin.doctor.command:doctor",
    "send": "admin.send.command:send",
    "status": "admin.history.status:status",
    "cancel": "admin.history.cancel:cancel",
    "list": "admin.history.listing:list_notifications",
    "stats": "admin.history.stats:stats",
    "ps": "admin.store.ps:ps",
    "events": "admin.events:app",
    "up": "admin.up.command:up",
    "api": "admin.processes:api",
    "console": "admin.access.console:app",
    "journal": "admin.processes:journal",
    "sender": "admin.processes:sender",
    "sandbox": "admin.processes:sandbox",
    "topology": "admin.topology:app",
    "db": "admin.store.database:app",
    "dead": "admin.dead.commands:app",
    "stalled": "admin.store.stalled:app",
    "aside": "admin.store.aside:app",
    "erase": "admin.store.erase:erase",
    "callbacks": "admin.callbacks.commands:app",
    "keys": "admin.access.keys:app",
    "audit": "admin.access.audit:audit",
}
"""Command → module and name of its function, or of its group of commands."""

SUMMARIES = {
    "demo": "See all of it work, with stand-in providers.",
    "test": "Run all tests.",
    "check": "Run the quick checks.",
    "bench": "Measure it beside its peers, with plots.",
    "doctor": "Find what is wrong, and what mends it.",
    "send": "Send a notification from here.",
    "status": "What became of one notification.",
    "cancel": "Stop what is not sent yet.",
    "list": "Notifications, by what you look for.",
    "stats": "Counts, success and speed of a time.",
    "ps": "Every process, and who fell silent.",
    "events": "What becomes of deliveries, live.",
    "up": "Run all of it here, with your settings.",
    "api": "Run the HTTP API.",
    "console": "Run the operators' pages; who may sign in.",
    "journal": "Keep what becomes of each delivery.",
    "sender": "Run the sender of one channel.",
    "sandbox": "Run the stand-in providers.",
    "topology": "The broker's exchanges, queues and users.",
    "db": "The store's tables, and restoring it.",
    "dead": "Why deliveries failed, and what now.",
    "stalled": "What nothing is heard of, sent again.",
    "aside": "What the journal could not store.",
    "erase": "One person's data, out of all that is kept.",
    "callbacks": "Who is called back; taking webhooks here.",
    "keys": "Who may call the API, and as whom.",
    "audit": "Who did what, and when.",
}
"""Command → what the list of all commands says of it, in at most 44 characters."""

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
_CONTEXT: dict[str, dict[str, Any]] = {"test": _PASS_ON}  # what it does not know is pytest's


class _Commands(Mapping[str, Any]):
    """What typer takes for all commands: names at once, each command when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = HOMES[name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            command = _single(name, found)
        command.name = name
        command.short_help = SUMMARIES[name]
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


def _single(name: str, function: Any) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, context_settings=_CONTEXT.get(name))(function)
    return typer.main.get_command(alone)


class OnDemand(TyperGroup):
    """The group of all commands in HOMES."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Commands()

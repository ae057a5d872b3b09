"""`gateway doctor`: is everything there that the gateway needs? What is not, in one sentence."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from admin.command_line.shown import escaped, json_text
from admin.doctor.port import PORTS, check_port
from admin.doctor.providers import check_provider
from admin.doctor.settings import check_clock, check_disk, check_settings, configured_roles
from admin.doctor.store import check_store
from admin.here import (
    EnvFile,
    ManagementUrl,
    NothingHereError,
    check_management,
    expect_broker,
    settings_here,
)
from broker_topology.health.checks import check_broker
from broker_topology.rights import API, CONSOLE, JOURNAL, Rights, rights, sender
from common.channels import Channel
from common.errors import SettingsError
from common.settings import Settings
from common.watching.finding import Examination, Finding, State, skipped, wrong
from deploy.local.stack import checkout

_MARKS = {State.OK: "[green]✓[/]", State.WRONG: "[red]✗[/]", State.SKIPPED: "[dim]–[/]"}
_NAMES = [role.role for role in rights()]


def doctor(
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="What the settings here are for, as often as needed: "
            f"{', '.join(_NAMES)}. By default {API}, {CONSOLE}, {JOURNAL} and "
            "the sender of each configured channel."
        ),
    ] = None,
    management_url: ManagementUrl = None,
    env_file: EnvFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Look at settings, broker, providers, clock and disk; send and change nothing.

    Exit code 0 when nothing is wrong, 1 when something is. JSON: {ok, checks: list of
    {check, state: ok|wrong|skipped, detail}}.
    """
    for name in role or ():
        if name not in _NAMES:
            known = ", ".join(_NAMES)
            raise typer.BadParameter(f"{name!r} is not a role; the roles are {known}")
    if management_url is not None:
        check_management(management_url)
    findings = _diagnose(role, management_url, env_file)
    is_well = all(finding.state is not State.WRONG for finding in findings)
    if as_json:
        report = {"ok": is_well, "checks": [finding.to_json() for finding in findings]}
        typer.echo(json_text(report, indent=2))
    else:
        _print(findings)
    raise typer.Exit(0 if is_well else 1)


def _diagnose(
    role: Sequence[str] | None, management_url: str | None, env_file: Path | None
) -> list[Finding]:
    disk = check_disk(checkout() / ".gateway")
    try:
        settings = settings_here(env_file)
        url = settings.broker_url
    except SettingsError as error:
        faults = [wrong("settings", fault) for fault in str(error).splitlines()]
        unseen = skipped("broker and providers", "not looked at: correct the settings first")
        return [*faults, unseen, disk]
    wanted = role or configured_roles(settings)
    management_url = management_url or settings.management_api
    roles = [one for one in rights() if one.role in wanted]
    examinations = asyncio.run(_examine(settings, url, management_url, roles, is_chosen=bool(role)))
    clocks = [reading for one in examinations for reading in one.clocks]
    found = [finding for one in examinations for finding in one.findings]
    own = check_settings(settings, wanted, env_file)
    own += [check_port(one, settings) for one in PORTS if one.role in wanted]
    if {API, CONSOLE, JOURNAL} & set(wanted):
        own.append(check_store(settings))
    return [*own, *found, check_clock(clocks), disk]


async def _examine(
    settings: Settings,
    url: str,
    management_url: str | None,
    roles: Sequence[Rights],
    *,
    is_chosen: bool,
) -> list[Examination]:
    """Look at the broker and at the providers of the chosen roles, all at once."""
    names = [role.role for role in roles]
    return await asyncio.gather(
        asyncio.to_thread(_look_at_broker, settings, url, management_url, roles),
        *(
            check_provider(channel, settings)
            for channel in Channel
            if not is_chosen or sender(channel) in names
        ),
    )


def _look_at_broker(
    settings: Settings, url: str, management_url: str | None, roles: Sequence[Rights]
) -> Examination:
    try:
        expect_broker(settings)
    except NothingHereError:
        sentence = (
            "none is named, none runs here: `gateway up` starts one, GATEWAY_AMQP_URL names one"
        )
        return Examination((skipped("broker", sentence),))
    return check_broker(url, management_url, roles)


def _print(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        row = _MARKS[finding.state], finding.check, escape(escaped(finding.detail))
        if console.is_terminal:
            table.add_row(*row)
        else:  # one line each, for grep
            console.print("{}  {:<12} {}".format(*row), soft_wrap=True)
    if console.is_terminal:
        console.print(table)

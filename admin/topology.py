"""`gateway topology`: declare, check, show and export exchanges and queues; make users."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from admin.command_line.shown import escaped, json_text
from admin.here import EnvFile, ManagementUrl, Url, place_here
from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import mask_url, vhost_of
from broker_topology.difference import Diff
from broker_topology.export import Administrator, definitions
from broker_topology.members import GROW, grow
from broker_topology.topology import Exchange, Topology, build
from broker_topology.users import DEFAULT_PREFIX, BrokerUser, provide_users
from common.broker.urls import split_urls
from common.errors import ArgumentError, GatewayError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The broker's exchanges, queues and bindings."
)

_CANNOT_CHECK = 2
SETTLE_S = 1.0
_EMPTY_KEY = "(any key)"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command("apply", short_help="Declare what is missing.")
def apply_command(
    url: Url = None,
    grow_queues: Annotated[
        bool,
        typer.Option(
            "--grow",
            help="Give each queue a member on every node of the cluster; an administrator's URL.",
        ),
    ] = False,
    management_url: ManagementUrl = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Declare what is missing; run it as often as you like.

    JSON: {created: list of names, exchanges, queues, bindings: how many there are, grown: list of
    {queue, node}}.
    """
    place = place_here(url, env_file, management_url)
    applied = apply(place.url)
    if applied.created:
        # RabbitMQ 3.10 writes its list of quorum queues about 0.5 s late (measured): a crash before
        # that leaves a queue that nobody can reach. Who waits for this command is past it.
        time.sleep(SETTLE_S)
    added = grow(place.url, place.management_url) if grow_queues else []
    if as_json:
        _print_json({**asdict(applied), "grown": [asdict(one) for one in added]})
        return
    console = _console()
    for name in applied.created:
        console.print(f"created {name}")
    for one in added:
        console.print(f"added a member of queue {one.queue} on {one.node}")
    console.print(
        f"{mask_url(place.url)} has the topology: {applied.exchanges} exchanges, "
        f"{applied.queues} queues, {applied.bindings} bindings."
    )


@app.command("check", short_help="Compare the broker with what should be.")
def check_command(
    url: Url = None,
    management_url: ManagementUrl = None,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare the broker with the topology: exit code 0 same, 1 differs, 2 cannot be checked.

    JSON: {same, bindings_checked, notes: list of sentences, differences: list of {kind:
    missing|extra|changed, thing: exchange|queue|binding, name, argument, wanted, found, remedy},
    gaps: list of {queue, members, online, lacking: nodes that have no member of the queue}}.
    """
    place = place_here(url, env_file, management_url)
    try:
        diff = check(place.url, place.management_url)
    except GatewayError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_CANNOT_CHECK) from None
    if as_json:
        _print_json(diff.to_json())
    else:
        _print_diff(diff, place.url)
    raise typer.Exit(0 if diff.same else 1)


@app.command("show", short_help="Draw exchanges, keys and queues.")
def show_command(as_json: AsJson = False) -> None:
    """Draw the topology: each exchange, its keys, and the queues that they lead to.

    JSON: {exchanges: list of {name, type, alternate, durable, auto_delete, internal, purpose},
    queues: list of {name, arguments, purpose}, bindings: list of {exchange, queue, key}}.
    """
    topology = build()
    if as_json:
        _print_json(asdict(topology))
        return
    console = _console()
    for exchange in topology.exchanges:
        console.print(_picture(exchange, topology))


@app.command("export", short_help="Write a definitions.json.")
def export_command(
    output: Annotated[
        Path | None, typer.Option(help="File to write; standard output if not given, or -.")
    ] = None,
    url: Url = None,
    env_file: EnvFile = None,
    with_user: Annotated[
        bool,
        typer.Option(
            "--with-user", help="Add the URL's user as administrator, with a hashed password."
        ),
    ] = False,
) -> None:
    """Write a definitions.json for the URL's vhost, for `load_definitions` or an import.

    A broker that boots from definitions creates no user of its own: add --with-user, or create
    users afterwards.
    """
    target = place_here(url, env_file, is_asked=False).url
    administrator = _administrator(target) if with_user else None
    text = json.dumps(definitions(vhost_of(target), administrator), indent=2) + "\n"
    if output is None or str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"{output} cannot be written: {error.strerror}.") from error
    typer.echo(f"Wrote {output}.", err=True)


@app.command("users", short_help="Make one broker user per process.")
def users_command(
    url: Url = None,
    management_url: ManagementUrl = None,
    env_file: EnvFile = None,
    prefix: Annotated[
        str, typer.Option(help="Users are called PREFIX-api, PREFIX-sender-email and so on.")
    ] = DEFAULT_PREFIX,
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate", help="Give users that exist new passwords; the old ones end at once."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make one broker user per process, each with the rights it needs and no others.

    Needs an administrator's URL. Passwords are shown this once. Users that exist keep theirs,
    unless --rotate, and get their rights set anew. JSON: list of {name, role, used_by, url,
    password: new|rotated|kept}; the url of a kept one is without password.
    """
    place = place_here(url, env_file, management_url)
    users = provide_users(place.url, place.management_url, prefix=prefix, rotate=rotate)
    if as_json:
        _print_json([user.to_json() for user in users])
    else:
        _print_users(users)


def _administrator(url: str) -> Administrator:
    parts = urlsplit(split_urls(url)[0])
    if not parts.username or not parts.password:
        raise ArgumentError(f"{mask_url(url)} names no user and password to export.")
    return Administrator(unquote(parts.username), unquote(parts.password))


def _console() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)


def _print_users(users: list[BrokerUser]) -> None:
    table = Table("for", "password", "GATEWAY_AMQP_URL", box=None, padding=(0, 2, 0, 0))
    for user in users:
        table.add_row(user.rights.used_by, user.state, user.url)
    # As wide as it is: a URL cut or folded at the terminal's edge could not be copied.
    Console(highlight=False, markup=False, width=1000).print(table, crop=False)
    if any(user.state == "kept" for user in users):
        typer.echo("Kept passwords are not known here; --rotate makes new ones.", err=True)


def _print_json(value: object) -> None:
    typer.echo(json_text(value, indent=2))


def _print_diff(diff: Diff, url: str) -> None:
    console = _console()
    if diff.same:
        sight = "" if diff.bindings_checked else ", as far as AMQP can tell"
        console.print(f"{mask_url(url)} has the topology{sight}.")
    if diff.differences:
        table = Table("", "what", "name", "argument", "wanted", "found")
        for one in diff.differences:
            values = (one.kind, one.thing, one.name, one.argument, one.wanted, one.found)
            table.add_row(*("" if value is None else escaped(str(value)) for value in values))
        console.print(table)
        for remedy in dict.fromkeys((one.kind, one.thing, one.remedy) for one in diff.differences):
            console.print(escaped("{} {}: {}.".format(*remedy)))
    if diff.gaps:
        members = Table("queue", "members", "online", "no member on")
        for gap in diff.gaps:
            members.add_row(gap.queue, *map(", ".join, (gap.members, gap.online, gap.lacking)))
        console.print(members)
        console.print(f"queue without a member on every node: {GROW}.")
    for note in diff.notes:
        typer.echo(escaped(note), err=True)


def _picture(exchange: Exchange, topology: Topology) -> Tree:
    purposes = {queue.name: queue.purpose for queue in topology.queues}
    bindings = [one for one in topology.bindings if one.exchange == exchange.name]
    tree = Tree(_line((exchange.name, "bold"), (f"  {exchange.type}, {exchange.purpose}", "dim")))
    keys = [binding.key or _EMPTY_KEY for binding in bindings]
    key_width = max(map(len, keys), default=0)
    queue_width = max((len(binding.queue) for binding in bindings), default=0)
    for key, binding in zip(keys, bindings, strict=True):
        tree.add(
            _line(
                (key.ljust(key_width), "cyan"),
                (" → ", "dim"),
                (binding.queue.ljust(queue_width), "green"),
                (f"  {purposes[binding.queue]}", "dim"),
            )
        )
    if exchange.alternate:
        tree.add(_line(("no queue wants it → exchange ", "dim"), (exchange.alternate, "bold")))
    return tree


def _line(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*parts)

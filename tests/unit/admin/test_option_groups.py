"""A parameter that is a dataclass stands on the command line as its fields."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from admin.command_line.option_groups import grouped


@dataclass(frozen=True)
class Where:
    url: Annotated[str | None, typer.Option(help="Which broker.")] = None


@dataclass(frozen=True)
class Which(Where):
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID")] = None
    everything: Annotated[bool, typer.Option("--all", help="Each of them.")] = False


def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None)

    @made.command()
    @grouped
    def show(
        *, which: Which, limit: Annotated[int, typer.Option(min=1, help="At most.")] = 5
    ) -> None:
        """Show what was given."""
        typer.echo(f"{which} {limit}")

    return made


def test_fields_are_options_with_their_own_help_and_defaults() -> None:
    help_page = CliRunner().invoke(app(), ["--help"]).stdout
    assert "Show what was given." in help_page
    for words in ("Which broker.", "Each of them.", "At most.", "[ID]..."):
        assert words in help_page
    assert "--which" not in help_page
    assert CliRunner().invoke(app(), []).stdout == f"{Which()} 5\n"


def test_command_gets_the_dataclass_with_what_was_given() -> None:
    done = CliRunner().invoke(app(), ["a", "b", "--all", "--url", "amqp://h", "--limit", "2"])
    assert done.stdout == f"{Which('amqp://h', ['a', 'b'], True)} 2\n"


def test_wrong_option_of_a_group_is_refused() -> None:
    assert CliRunner().invoke(app(), ["--everything"]).exit_code == 2

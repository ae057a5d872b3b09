"""`gateway console`: run it; `gateway console user`: who may sign in there."""

import typer

from admin.access.users import app as users

app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    help="Run the operators' pages and HTTP in the foreground, on an inner port; needs nothing but "
    "settings. Or, with a command, say who may sign in there.",
)
app.add_typer(users, name="user", short_help="Who may sign in.")


@app.callback()
def console(context: typer.Context) -> None:
    """Run it, unless there is a command."""
    if context.invoked_subcommand is not None:
        return
    from console.__main__ import main

    raise typer.Exit(main())

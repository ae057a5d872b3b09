"""Work on dead letters that may be interrupted: a bar meanwhile, and a summary if it is."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from admin.command_line.printing import print_json
from admin.dead.view import letters_text
from common.errors import GatewayError

_INTERRUPTED = 130
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class OutputLost(GatewayError):
    """What a command has to tell cannot be written."""

    exit_code = 2


@contextmanager
def reading() -> Iterator[None]:
    """Interrupted, it ends with exit code 130; a reader who has seen enough needs no sentence.

    Raises OutputLost when standard output is a file on a disk that is full, say.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_pipe()
        raise typer.Exit(_INTERRUPTED) from None
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _leave_pipe()
        raise OutputLost(f"the output cannot be written ({error.strerror})") from error
    except KeyboardInterrupt:
        typer.echo("Interrupted; nothing was changed.", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextmanager
def progress(
    word: str,
    total: int | None,
    place: str = "",
    *,
    as_json: bool = False,
    count_text: Callable[[int], str] = letters_text,
) -> Iterator[Callable[[int], None]]:
    """A bar on stderr when that is a terminal; yields what to tell how many are done.

    word: what was done to a letter; place: follows it where something was done; count_text: so
    many letters, in words. What ends before
    its end, by Ctrl-C, SIGTERM, a closed pipe or an error, says how far it came: a sentence on
    stderr, and with as_json {word: count, interrupted: true}; unless an error, exit code 130.
    """
    done = 0

    def summed_up() -> None:
        where = place if done else ""
        typer.echo(f"Interrupted: {count_text(done)} {word}{where}, no more.", err=True)
        if as_json:
            document: dict[str, JsonValue] = {word: done, "interrupted": True}
            print_json(document)

    with _bar(word, total) as show:

        def advance(count: int) -> None:
            nonlocal done
            done = count
            show(count)

        try:
            yield advance
            sys.stdout.flush()
        except KeyboardInterrupt:
            summed_up()
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:
            _leave_pipe()
            summed_up()
            raise typer.Exit(_INTERRUPTED) from None
        except GatewayError:
            if done:
                summed_up()
            raise


@contextmanager
def _bar(word: str, total: int | None) -> Iterator[Callable[[int], object]]:
    stderr = Console(stderr=True)
    columns = (TextColumn(word), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(word, total=total)
        yield lambda done: bar.update(task, completed=done)


def _leave_pipe() -> None:
    """Nobody reads standard output any more: what is still in its buffer goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

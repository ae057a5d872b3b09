"""What is to be sent, from where it was said to be: options, a file, stdin."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

_STDIN = "-"


@dataclass(frozen=True)
class Content:
    """The options that say what is sent."""

    subject: Annotated[str | None, typer.Option(help="Subject; an email needs one.")] = None
    text: Annotated[str | None, typer.Option(help="The text; - reads it from stdin.")] = None
    html: Annotated[
        str | None, typer.Option(help="HTML body of an email; - reads it from stdin.")
    ] = None
    file: Annotated[
        str | None, typer.Option(help="A file that holds the text, in UTF-8; - is stdin.")
    ] = None

    def read(self, or_data: str | None = None) -> dict[str, str]:
        """Fields of the request. or_data: what may be sent alone. Raises typer.BadParameter."""
        if self.text is not None and self.file is not None:
            raise typer.BadParameter("give the text with --text or with --file, not with both")
        if (self.text, self.file, self.html, or_data) == (None, None, None, None):
            raise typer.BadParameter("nothing to send: give --text, --html or --file")
        if [self.text, self.html, self.file].count(_STDIN) > 1:
            raise typer.BadParameter(
                "only one of --text, --html and --file can be -, that is stdin"
            )
        content = {}
        if self.subject is not None:
            content["subject"] = self.subject
        if self.html is not None:
            content["html"] = _stdin() if self.html == _STDIN else self.html
        if self.text is not None:
            content["text"] = _stdin() if self.text == _STDIN else self.text
        elif self.file is not None:
            content["text"] = _stdin() if self.file == _STDIN else _read(Path(self.file))
        return content


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise typer.BadParameter("what stdin holds is not text in UTF-8") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not text in UTF-8", param_hint="--file") from None
    except OSError as error:
        raise typer.BadParameter(
            f"{path} cannot be read: {error.strerror}", param_hint="--file"
        ) from None

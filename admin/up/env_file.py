"""The `.env` that `gateway up --init` writes: every setting with its meaning, and new keys."""

import os
import secrets
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from common.channels import FACTS
from common.errors import SettingsError
from common.given import PREFIX
from common.settings import Settings
from common.settings.values import shown_default

_KEY_BYTES = 24
_WIDTH = 96
_HEAD = """\
Settings of the gateway. Remove the # before what you set; the environment wins over this file.
A channel without credentials is sent to the stand-in providers by `gateway up`.
Each may also be given as <name>_FILE, the path of a file that holds the value.
A value with spaces, # or ${ stands in single quotes, in which nothing is replaced; outside them
${NAME} is what the file or the environment has for NAME.

-- Credentials: set what you have --
"""
_REST = """\
-- Everything else, as it is when it is not set --
"""
_CREDENTIALS: Final = (
    "api_key",
    "console_key",
    "amqp_url",
    *(name for facts in FACTS.values() for name in facts.needs),
)
"""What nobody can do without comes first; the rest follows as in docs/settings.md."""


def write_env_file(path: Path) -> None:
    """Write it, readable by its owner only. Raises SettingsError when it exists or cannot be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{path} exists already and was left as it is; move it away to get a new one"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        keys = (secrets.token_urlsafe(_KEY_BYTES) for _ in range(2))
        file.write(env_text(*keys))


def env_text(api_key: str, console_key: str) -> str:
    """The file's text: all settings commented out, with their defaults, but for the two keys."""
    rest = [name for name in Settings.model_fields if name not in _CREDENTIALS]
    given = {"api_key": api_key, "console_key": console_key}
    return "\n".join(
        [
            _commented(_HEAD.splitlines()),
            *(_entry(name, given.get(name)) for name in _CREDENTIALS),
            _commented(_REST.splitlines()),
            *(_entry(name) for name in rest),
        ]
    )


def _entry(name: str, text: str | None = None) -> str:
    """One setting with its meaning: set to the text, or commented out with its default."""
    field = Settings.model_fields[name]
    comment = textwrap.wrap(field.description or "", _WIDTH, break_long_words=False)
    variable = f"{PREFIX}{name.upper()}"
    if text is not None:
        return f"{_commented(comment)}{variable}={text}\n"
    return f"{_commented(comment)}#{variable}={shown_default(field)}\n"


def _commented(lines: Iterable[str]) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)

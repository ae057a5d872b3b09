"""The `.env` that `gateway up --init` writes: every setting with its meaning, and a new API key."""

import os
import secrets
import textwrap
from pathlib import Path

from common.errors import SettingsError
from common.given import PREFIX
from common.settings import Settings

_KEY_BYTES = 24
_WIDTH = 96
_HEAD = """\
Settings of the gateway. Remove the # before what you set; the environment wins over this file.
A channel without credentials is sent to the stand-in providers by `gateway up`.
Each may also be given as <name>_FILE, the path of a file that holds the value.
"""


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
        file.write(env_text(secrets.token_urlsafe(_KEY_BYTES)))


def env_text(api_key: str) -> str:
    """The file's text: all settings commented out, with their defaults, but for the API key."""
    parts = ["".join(f"# {line}\n" for line in _HEAD.splitlines())]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        shown = extra.get("shown") if isinstance(extra, dict) else None
        default = shown or ("" if field.default is None else str(field.default))
        comment = textwrap.wrap(field.description or "", _WIDTH, break_long_words=False)
        line = (
            f"GATEWAY_API_KEY={api_key}"
            if name == "api_key"
            else f"#{PREFIX}{name.upper()}={default}"
        )
        parts.append("".join(f"# {words}\n" for words in comment) + f"{line}\n")
    return "\n".join(parts)

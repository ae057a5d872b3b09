"""What runs here tells other commands of itself, and what they find of it.

`gateway demo` and `gateway up` keep a file of settings beside their state while they run, written
like `.env`. Its lock says whether who wrote it still lives.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from common.errors import SettingsError
from common.given import PREFIX
from common.settings import Settings, load_settings
from deploy.local.stack import checkout

DEMO, UP = "demo", "up"
NAMES = {DEMO: "the demo", UP: "`gateway up`"}
ADDRESSES = (
    *("amqp_url", "management_url"),
    *("api_host", "api_port", "console_host", "console_port"),
)
# What belongs together: parts of it from two gateways would show one's secret to the other.
ANNOUNCED = (
    *ADDRESSES,
    *("amqp_ca_file", "amqp_cert_file", "amqp_key_file", "api_key", "console_key"),
    *("database_url", "state_dir"),
)


@dataclass(frozen=True)
class Running:
    """A gateway that runs here: how people call it, its file, and what that holds."""

    name: str
    file: Path
    settings: Settings


def env_file_of(name: str, directory: Path | None = None) -> Path:
    """Where a running demo or `up` keeps its settings; directory: its state, if not the usual."""
    return (directory or checkout() / ".gateway") / f"{name}.env"


def texts_of(settings: Settings) -> dict[str, str]:
    """Variable → text of what other commands need of the settings that were given."""
    texts = {}
    for name in ANNOUNCED:
        if name in settings.model_fields_set:
            value = getattr(settings, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            text = text.absolute() if isinstance(text, Path) else text
            texts[PREFIX + name.upper()] = "" if text is None else str(text)
    return texts


@contextmanager
def announced(name: str, file: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """While the block runs, other commands find this gateway by its settings.

    name: `demo` or `up`; file: of `env_file_of`. Raises SettingsError when it cannot be written.
    """
    lines = [f"# Settings of {NAMES[name]} while it runs; --env-file takes this file.\n"]
    lines += [f"{variable}={_quoted(value)}\n" for variable, value in settings.items()]
    draft = file.with_suffix(".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        written = os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape")
        # Whoever is killed outright leaves the file, but not the lock.
        fcntl.flock(written, fcntl.LOCK_EX)
        written.writelines(lines)
        written.flush()
        draft.replace(file)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written ({error.strerror}): make it writable, or remove it"
        ) from error
    with written:
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def running(directory: Path, *, must_know: bool = False) -> list[Running]:
    """The gateways that run here, the demo first; directory: where `up` may keep its state.

    must_know: whether one that this user may not look at is an error (SettingsError).
    """
    files = {DEMO: [env_file_of(DEMO)], UP: [env_file_of(UP, directory), env_file_of(UP)]}
    found = []
    for name, places in files.items():
        for file in places:
            if (settings := _held(file, must_know=must_know)) is not None:
                found.append(Running(NAMES[name], file, settings))
                break
    return found


def holder_of(port: int, directory: Path) -> str | None:
    """Which gateway that runs here has its API at a port; directory: where `up` keeps its state."""
    found = running(directory)
    return next((one.name for one in found if one.settings.api_port == port), None)


def _held(file: Path, *, must_know: bool) -> Settings | None:
    """The settings of a file whose writer lives; None of one that was left, or is not there."""
    try:
        return load_settings(file=file) if _is_locked(file) else None
    except PermissionError:
        if not must_know or not _may_be_locked(file.with_suffix(".lock")):
            return None
        raise SettingsError(
            f"{file} belongs to another user, who may run a gateway here: work as that user, "
            "remove the file, or name a gateway with --env-file"
        ) from None
    except (OSError, SettingsError):
        if file.exists():
            raise
        return None  # it has just ended


def _is_locked(file: Path) -> bool:
    """Raises OSError when it is not there or cannot be opened."""
    with file.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _may_be_locked(file: Path) -> bool:
    try:
        return _is_locked(file)
    except OSError:
        return file.exists()  # not ours to open


def _quoted(value: str) -> str:
    """The value as `.env` and as a shell that sources the file read it."""
    if not re.search(r"['\\]", value):
        return f"'{value}'"
    if not re.search(r"[$`]", value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"  # for .env alone

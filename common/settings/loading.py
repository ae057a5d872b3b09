"""Settings as they are given, read into the model; what is wrong with them, in sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from pydantic import SecretStr, ValidationError

from common.errors import SettingsError
from common.faults import ModelFault, faults_of
from common.given import PREFIX, read_env_file, read_given, texts_of
from common.settings.misspelt import misspelt, unread
from common.settings.model import Settings
from common.watching.redaction import learn

_MOST_SHOWN = 60  # characters of a wrong value


def load_settings(
    environment: Mapping[str, str] | None = None, *, file: Path | None = None
) -> Settings:
    """Read the environment and `.env`, or only the mapping, or the file like `.env`, that is given.

    What is secret in them this process hides from now on, but not what is in a mapping. Raises
    SettingsError with one sentence per fault; values of secrets are never in it. A name that is
    near one of ours is a fault: what it was meant to set would be left at its default.
    """
    given = read_given(environment) if file is None else read_env_file(file)
    if faults := misspelt(given, Settings.model_fields):
        raise SettingsError("\n".join(faults))
    texts = texts_of(given, Settings.model_fields)
    if environment is None:
        learn(text for name, text in texts.items() if is_secret(name))
    try:
        return Settings.model_validate(texts)
    except ValidationError as error:
        faults = [_sentence(fault) for fault in faults_of(error, with_given=True)]
        raise SettingsError("\n".join(faults)) from None


def unknown_settings(
    environment: Mapping[str, str] | None = None, *, file: Path | None = None
) -> list[str]:
    """One sentence per `GATEWAY_*` variable that nobody reads, with the nearest known name."""
    given = read_given(environment) if file is None else read_env_file(file)
    return unread(given, Settings.model_fields)


def _sentence(fault: ModelFault) -> str:
    """`GATEWAY_API_PORT: must be a whole number, not 'http'`.

    What is about several settings together names them itself.
    """
    if not fault.path:
        return fault.sentence
    name, *inside = map(str, fault.path)
    variable = f"{PREFIX}{name.upper()}"
    if fault.kind == "value_error" or is_secret(name):  # ours quote what they may
        return f"{variable}: {fault.sentence}"
    given = str(fault.given)
    quoted = repr(given if len(given) <= _MOST_SHOWN else f"{given[:_MOST_SHOWN]}…")
    return f"{variable}: {' '.join([*inside, fault.sentence])}, not {quoted}"


def is_secret(name: str) -> bool:
    """Whether the value of this setting is shown to nobody."""
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))

"""The settings that a process has, each with where it is from; what is secret is not shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.errors import SettingsError
from common.given import PREFIX, Given, read_given, texts_of
from common.settings.loading import is_secret
from common.settings.model import Settings
from common.settings.values import shown_default
from common.watching.redaction import hide

_IN_URL: Final = re.compile(r"(?<=//)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting.

    shown: its value, "" where there is none or it is secret; place: `/etc/gateway.env, line 7`,
    `the environment`, "" for a default.
    """

    variable: str
    shown: str
    place: str
    is_secret: bool
    meaning: str


def settings_in_force(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> tuple[InForce, ...]:
    """All of them, by name; environment: a mapping that counts alone, as of `load_settings`."""
    try:
        given = read_given(environment)
        texts = texts_of(given, Settings.model_fields)
    except SettingsError:  # it was changed since the settings were read
        given, texts = [], {}
    places = {one.variable: one for one in given}
    return tuple(_of(name, settings, texts, places) for name in sorted(Settings.model_fields))


def _of(
    name: str, settings: Settings, texts: Mapping[str, str], places: Mapping[str, Given]
) -> InForce:
    variable = f"{PREFIX}{name.upper()}"
    field, hidden = Settings.model_fields[name], is_secret(name)
    is_given = name in settings.model_fields_set
    text = texts.get(name, "") if is_given else shown_default(field)
    shown = "" if hidden else _IN_URL.sub("…", hide(text))
    place = _place(variable, places) if is_given else ""
    return InForce(variable, shown, place, hidden and is_given, field.description or "")


def _place(variable: str, places: Mapping[str, Given]) -> str:
    if found := places.get(variable):
        return found.place
    by_file = places.get(f"{variable}_FILE")
    return f"{by_file.variable}: {by_file.place}" if by_file else "?"

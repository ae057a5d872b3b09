"""Forms of values: durations, rates, lanes; and how a setting is declared."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from common.channels import Priority
from common.webhooks.networks import Network, parse_networks

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `per_s` seconds, evenly spaced; written `30/s`, `20/min`, `1000/h`."""

    count: float
    per_s: float

    @property
    def interval_s(self) -> float:
        """Seconds between two sends."""
        return self.per_s / self.count


def parse_duration_s(text: str) -> float:
    """`30s`, `2m`, `1h`, `500ms`, `1d` to seconds. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|min|h|d)", text.strip())
    if not match:
        raise ValueError(f"{text.strip()!r} is not a duration such as 30s, 2m or 1h")
    return float(match[1]) * _UNIT_S[match[2]]


def parse_rate(text: str) -> Rate:
    """`30/s`, `20/min`, `1000/h`. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|m|h|d)", text.strip())
    if not match or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a rate such as 30/s or 20/min")
    return Rate(float(match[1]), _UNIT_S[match[2]])


def _parse_delays(text: str) -> tuple[float, ...]:
    return tuple(parse_duration_s(part) for part in text.split(","))


def parse_lanes(text: str) -> dict[Priority, int]:
    """`high:2,normal:4` to lanes per priority. Raises ValueError."""
    lanes: dict[Priority, int] = {}
    for part in text.split(","):
        name, _, count = part.strip().partition(":")
        if name not in list(Priority) or not count.isdigit():
            raise ValueError(f"{part.strip()!r} is not <priority>:<lanes> such as normal:4")
        lanes[Priority(name)] = int(count)
    return lanes


def _parse_origins(text: str) -> frozenset[str]:
    origins = [part.strip().rstrip("/").lower() for part in text.split(",")]
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(f"{origin!r} is not the address of a site: https://shop.example.com")
    return frozenset(origins)


def read_by(parse: Callable[[str], Any]) -> BeforeValidator:
    """A text is read so; a value that is built in code stays as it is."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


Delays = Annotated[tuple[float, ...], read_by(_parse_delays), Field(min_length=1, max_length=50)]
RateText = Annotated[Rate, read_by(parse_rate)]
Lanes = Annotated[dict[Priority, Annotated[int, Field(ge=0, le=64)]], read_by(parse_lanes)]

Networks = Annotated[tuple[Network, ...], read_by(parse_networks)]
Origins = Annotated[frozenset[str], read_by(_parse_origins)]


class SettingsGroup(BaseModel):
    """Settings that belong together; `Settings` is made of all groups."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def setting(default: Any, description: str, shown: str | None = None, **limits: Any) -> Any:
    """A field with its description; `shown` is the default as a person writes it."""
    return Field(default, description=description, json_schema_extra={"shown": shown}, **limits)


def shown_default(field: FieldInfo) -> str:
    """The default as a person writes it; empty when there is none."""
    extra = field.json_schema_extra
    shown = extra.get("shown") if isinstance(extra, dict) else None
    return str(shown or ("" if field.default is None else field.default))

"""The settings of all processes: `Settings`, loaded with `load_settings`.

Read from the environment and from `.env` in the working directory, or the file that
`GATEWAY_ENV_FILE` names (the environment wins). Each may also be given as `GATEWAY_<NAME>_FILE`,
the path of a file that holds the value. `python -m common.settings` prints the table of
docs/settings.md.
"""

from common.settings.loading import load_settings, unknown_settings
from common.settings.model import Settings
from common.settings.values import Rate, parse_duration_s, parse_rate

__all__ = [
    "Rate",
    "Settings",
    "load_settings",
    "parse_duration_s",
    "parse_rate",
    "unknown_settings",
]

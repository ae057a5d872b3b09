"""The settings as docs/settings.md shows them."""

from common.given import PREFIX
from common.settings.model import Settings
from common.settings.values import shown_default


def settings_table() -> str:
    """The Markdown table of docs/settings.md, made from the fields of `Settings`."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = shown_default(field)
        rows.append(
            f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default else 'not set'} "
            f"| {field.description} |"
        )
    return "\n".join(rows) + "\n"

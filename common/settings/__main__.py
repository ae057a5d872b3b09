"""`python -m common.settings`: the table of docs/settings.md."""

from common.settings.table import settings_table

print(settings_table(), end="")

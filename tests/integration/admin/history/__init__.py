"""`gateway status`, `list`, `stats` against a real API, journal, broker and store."""

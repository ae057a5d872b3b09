"""Who may call the API, and who did what to keys, dead letters and people's data."""

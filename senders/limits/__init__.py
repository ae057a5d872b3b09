"""Who may be sent to now: rates, pauses, lines."""

"""What became of notifications, as the API tells it: one, lists of them, numbers."""

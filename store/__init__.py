"""What became of every notification, in a database: a projection of what the broker told."""

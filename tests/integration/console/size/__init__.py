"""The console over a store of a million notifications, with a hundred thousand dead letters."""

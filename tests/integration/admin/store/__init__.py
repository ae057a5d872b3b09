"""Commands that work on the store by its settings."""

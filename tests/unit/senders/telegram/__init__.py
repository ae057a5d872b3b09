"""The channel telegram."""

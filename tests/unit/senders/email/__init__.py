"""The channel email."""

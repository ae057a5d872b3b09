"""The broker client on a real broker."""

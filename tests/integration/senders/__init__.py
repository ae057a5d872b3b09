"""Senders on a real broker, against providers that misbehave."""

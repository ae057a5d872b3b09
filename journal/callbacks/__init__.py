"""Calling back: what becomes of notifications is told to endpoints, from what the store has."""

"""Processes of the gateway, started and watched by tests."""

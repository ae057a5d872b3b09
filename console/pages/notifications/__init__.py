"""Notifications: found by what somebody knows of them, and each with what became of it."""

"""Accepting notifications: request, validation, deliveries, publish."""

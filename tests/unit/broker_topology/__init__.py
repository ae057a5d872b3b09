"""Exchanges, queues, rights and dead letters, as data."""

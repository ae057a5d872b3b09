"""Providers that tests have a word with."""

"""Callbacks that people have made: tests of an endpoint, and what it is to be told again."""

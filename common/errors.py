"""Errors that a person can meet: one sentence that says what is wrong, where, and what to do."""


class GatewayError(Exception):
    """Base of every error whose text is meant for a person; the command line prints it and exits 1.

    The text is one or two sentences without secrets: what is wrong, where, what to do.
    """


class SettingsError(GatewayError):
    """A setting is missing, malformed or contradicts another one."""


class UndecodableError(GatewayError):
    """A message in a queue is not one of ours, or not of a version that we read."""

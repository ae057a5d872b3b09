"""Errors that a person can meet: one sentence that says what is wrong, where, and what to do."""

from typing import Final

SETTINGS_EXIT_CODE: Final = 78
"""Of a process that the text of its settings ended, which no restart can mend (EX_CONFIG)."""


class GatewayError(Exception):
    """Base of every error whose text is meant for a person; the command line prints it.

    The text is one or two sentences without secrets: what is wrong, where, what to do.
    """

    exit_code = 1


class ArgumentError(GatewayError):
    """A command was given arguments that make no sense, or lacks some; nothing was done."""

    exit_code = 2


class SettingsError(GatewayError):
    """A setting is missing, malformed or contradicts another one."""


class NotNowError(SettingsError):
    """What a setting names (a file, a host) cannot be used now; a later start may find it well.

    A secret is replaced, a certificate is renewed before its key, a name server is silent.
    """


class UndecodableError(GatewayError):
    """A message in a queue is not one of ours, or not of a version that we read."""

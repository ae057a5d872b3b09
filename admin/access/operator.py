"""Who gives a command, as the audit log names them."""

import getpass
import socket
from contextlib import AbstractContextManager, suppress
from typing import Any

from admin.command_line.printing import note
from broker_topology.dead_letters.selection import Selection, letters_told
from common.settings import Settings
from store.access.audit import Action
from store.access.noting import Done, noting


def operator() -> str:
    """`operator ada@host`."""
    user = "unknown"
    with suppress(OSError, KeyError):  # a container's user may have no name
        user = getpass.getuser()
    return f"operator {user}@{socket.gethostname()}"


def noting_letters(
    settings: Settings, action: Action, wanted: Selection | None = None, **details: Any
) -> AbstractContextManager[Done]:
    """Write down how many dead letters were changed inside; says it when that cannot be."""
    told = {**(letters_told(wanted) if wanted else {}), **details}
    return noting(settings, operator(), action, "dead letters", told, note)

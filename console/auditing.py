"""The console's part of the audit log: who asked for what is done to dead letters."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from starlette.requests import Request

from common.logs import get_logger
from common.settings import Settings
from console.jobs.order import Order
from console.people.person import Person
from store.access.audit import Action
from store.access.noting import Done, noting

log = get_logger(__name__)


def actor_of(request: Request) -> str:
    """`console ada` of somebody signed in; `console 10.0.0.7` of who has the key, one for all."""
    person: Person | None = getattr(request.state, "person", None)
    if person is not None:
        return f"console {person.name}"
    return f"console {request.client.host if request.client else 'unknown'}"


def audited(
    settings: Settings, actor: str, action: Action, subject: str, told: Mapping[str, Any]
) -> AbstractContextManager[Done]:
    """Write down how many of something were done inside; the log says when that cannot be."""
    return noting(settings, actor, action, subject, told, _say_unwritten)


def audited_letters(
    settings: Settings, actor: str, action: Action, order: Order | None = None, **more: Any
) -> AbstractContextManager[Done]:
    """The same of dead letters.

    order: tells which were meant, and how; more: of details, nothing about people.
    """
    told = {**order.told(), **more} if order else more
    return audited(settings, actor, action, "dead letters", told)


def _say_unwritten(sentence: str) -> None:
    log.warning("not in the audit log", detail=sentence)

"""Cancelling what of a notification is not final: asked for, checked on the server, audited."""

from functools import partial
from uuid import UUID

from broker_topology.cancelling.asking import ask_to_end
from common.envelope import Event
from common.errors import GatewayError
from common.settings import Settings
from common.times import utc_now
from console.auditing import audited
from console.frame.acting import Confirm, acting
from console.frame.markup import tag
from console.frame.page import View
from console.frame.widgets import copy_button, say
from console.people.person import Role
from console.services.reading import Silent
from console.services.threads import in_thread
from store.access.audit import Action
from store.notifications import read_notification, unfinished
from store.rows import NotificationRow


class NotCancelled(GatewayError):
    """It was not cancelled; its text says why, to people."""


def draw_cancel(view: View, row: NotificationRow) -> None:
    """The button, the question before it is done, and the same in a terminal; nothing when all of
    it is final, or for who may not."""
    if view.person.role < Role.OPERATOR or not row.unfinished:
        return
    text = view.text

    async def do() -> None:
        await _cancel(view, row.id)

    question = text("notification.ask.cancel", n=row.unfinished)
    confirm = Confirm(view, question, text("notification.cancel"), do)
    button = tag("button", text("notification.cancel"), "quiet cancel", type="button")
    button.on("click", confirm.open)
    copy_button(view, f"gateway cancel {row.id}", text("notification.cancel.command"))


@acting(Role.OPERATOR)
async def _cancel(view: View, notification_id: UUID) -> None:
    found = await view.services.store(
        partial(read_notification, notification_id=notification_id, owner=None)
    )
    if isinstance(found, Silent):
        raise NotCancelled(found.why)
    facts = [fact for _, fact in unfinished(found, utc_now())] if found else []
    if not facts:
        raise NotCancelled(view.text("notification.done.final"))
    actor = f"console {view.person.name}"
    settings = view.services.settings
    await in_thread(partial(_ask, settings, facts, notification_id, actor))
    say(view.text("notification.done.cancel"))


def _ask(settings: Settings, facts: list[Event], notification_id: UUID, actor: str) -> None:
    subject = f"notification {notification_id}"
    with audited(settings, actor, Action.CANCELLED, subject, {}) as noted:
        noted.number = ask_to_end(settings.broker_url, facts)

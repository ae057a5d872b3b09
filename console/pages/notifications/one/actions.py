"""What operators do about a delivery: asked for, checked on the server, told in words."""

from functools import partial

from nicegui import ui

from broker_topology.dead_letters.selection import by_ids
from common.errors import GatewayError
from common.http.problems import Problem
from console.dead_letters.work import REQUEUE
from console.frame.acting import Confirm, acting
from console.frame.markup import tag
from console.frame.page import View
from console.frame.widgets import say
from console.jobs.order import Order
from console.pages.notifications.asked import read_place
from console.pages.notifications.one.again import send_anew, send_stalled
from console.pages.notifications.one.story import Life
from console.people.person import Role
from console.services.reading import Silent
from console.services.threads import in_thread
from store.facts import Place
from store.notifications import read_body

_WAIT_S = 10.0
_SHOWN = 8


class NotSent(GatewayError):
    """A delivery was not sent again; its text says why, to people."""


def draw_again(view: View, life: Life) -> None:
    """The button, and the question before it is done."""
    text, way = view.text, life.again
    question = text(f"notification.ask.{way}", id=f"…{life.id[-_SHOWN:]}")
    act = {"requeue": _requeue, "resend": _resend, "anew": _send_anew}[way]

    async def do() -> None:
        await act(view, life)

    confirm = Confirm(view, question, text("notification.do"), do)
    button = tag("button", text("notification.do"), "quiet again", type="button")
    button.on("click", confirm.open)


def _actor(view: View) -> str:
    return f"console {view.person.name}"


@acting(Role.OPERATOR)
async def _requeue(view: View, life: Life) -> None:
    """A dead letter, by a job that goes on when nobody looks."""
    order = Order.of(by_ids([life.id]))
    job = await view.services.jobs.start(REQUEUE, order, _actor(view), 1)
    await job.wait(_WAIT_S)
    if job.problem:
        raise NotSent(str(job.problem.get("detail") or job.problem.get("title")))
    if job.is_running:
        say(view.text("notification.done.begun"))
    elif job.result and job.result.get("requeued"):
        say(view.text("notification.done.requeue"))
    else:
        raise NotSent(view.text("notification.done.gone"))


@acting(Role.OPERATOR)
async def _resend(view: View, life: Life) -> None:
    """What stands still, if it does so still."""
    work = partial(send_stalled, view.services.settings, _place(life), _actor(view))
    sent = await in_thread(work)
    if sent is None:
        raise NotSent(view.text("notification.done.not.stalled"))
    if sent.body is None:
        raise NotSent(view.text("notification.done.erased"))
    say(view.text("notification.done.resend"))


@acting(Role.OPERATOR)
async def _send_anew(view: View, life: Life) -> None:
    """What has ended, as a notification of its own, to whose page this leads."""
    notification_id, number = _place(life)
    body = await view.services.store(
        partial(read_body, notification_id=notification_id, number=number)
    )
    if isinstance(body, Silent):
        raise NotSent(body.why)
    if body is None or life.address is None:
        raise NotSent(view.text("notification.done.erased"))
    settings = view.services.settings
    try:
        new_id = await in_thread(partial(send_anew, settings, body, life.address, _actor(view)))
    except Problem as problem:
        faults = problem.document().get("errors")
        raise NotSent(f"{problem.document()['detail']} {faults or ''}".strip()) from problem
    say(view.text("notification.done.anew", id=str(new_id)))
    ui.navigate.to(f"/notifications/{new_id}")


def _place(life: Life) -> Place:
    place = read_place(life.id)
    assert place is not None
    return place.notification_id, place.number or 1

"""What is done to dead letters by a page: each checks the role, and has a name in the audit log."""

from collections.abc import Callable
from functools import partial

from nicegui import ui

from common.http.problems import Problem
from console.dead_letters.replacing import Replacing
from console.dead_letters.work import DISCARD, IMPORT, REQUEUE
from console.frame.acting import acting
from console.frame.page import View
from console.jobs.order import Order
from console.pages.dead_letters.wanted import HOME
from console.people.person import Role


@acting(Role.OPERATOR)
async def send_again(view: View, order: Order, total: int) -> None:
    """Begin a job that sends them again."""
    await view.services.jobs.start(REQUEUE, order, _actor(view), total)
    ui.navigate.to(view.there(HOME))


@acting(Role.OPERATOR)
async def discard(view: View, order: Order, total: int) -> None:
    """Begin a job that takes them out, into an archive of this console."""
    kept = order.model_copy(update={"archive": view.services.kept.new_name()})
    await view.services.jobs.start(DISCARD, kept, _actor(view), total)
    ui.navigate.to(view.there(HOME))


@acting(Role.OPERATOR)
async def put_back(view: View, archive: str) -> None:
    """Begin a job that puts an archive's letters back among the dead ones."""
    await view.services.jobs.start(IMPORT, Order(archive=archive), _actor(view))


@acting(Role.OPERATOR)
async def stop(view: View, job_id: str) -> None:
    """End a job at the letter it is at."""
    jobs = view.services.jobs
    await jobs.cancel(await jobs.find(job_id))


@acting(Role.OPERATOR)
async def go_on(view: View, job_id: str) -> None:
    """Begin another job that does the rest of this one."""
    await view.services.jobs.go_on(job_id, _actor(view))


@acting(Role.OPERATOR)
async def replace(
    view: View, letter_id: str, body: bytes, tell: Callable[[str | Problem], None]
) -> None:
    """Send a notification in a letter's place; tell: is given its id, or what is wrong with it."""
    services = view.services
    replacing = Replacing(services.settings, services.walks.url)
    sending = partial(replacing.send, letter_id, body, _actor(view))
    try:
        new = await services.walks.look(None, sending)
    except Problem as problem:
        tell(problem)
    else:
        services.counts.begin_anew()
        tell(str(new.notification_id))


def _actor(view: View) -> str:
    return f"console {view.person.name}"

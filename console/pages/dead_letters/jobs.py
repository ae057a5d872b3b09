"""The jobs at the head of the page: a bar each, *stop* and *continue*; and archives with *undo*."""

from functools import partial

from nicegui import ui

from console.dead_letters.kept import KeptArchive
from console.frame.markup import link, tag
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import copy_button, moment
from console.pages.dead_letters import acts
from console.pages.dead_letters.progress import JobShown, read_work
from console.people.person import Role

_EVERY_S = 1.0
_AUDIT = "/operations"


async def draw_work(view: View) -> None:
    """What is done to dead letters, live; nothing where nothing was done lately."""
    sheet = _Sheet(view)
    await sheet.refresh()
    ui.timer(_EVERY_S, sheet.refresh, immediate=False)


class _Sheet:
    """A card for each job, which stays where it is while its numbers follow."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._cards: dict[str, _Card] = {}
        self._place = tag("div", "", "work")
        with self._place:
            self._unkept = Part(self._draw_unkept)
            self._jobs = tag("div", "", "jobs", role="group", aria_label=view.text("dead.jobs"))
            self._archives = Part(self._draw_archives)

    async def refresh(self) -> None:
        """As things are now."""
        work = await read_work(self._view.services)
        for one in reversed(work.jobs):
            if one.id not in self._cards:
                with self._jobs:
                    self._cards[one.id] = _Card(self._view, one)
                self._cards[one.id].move_up()
            self._cards[one.id].show(one)
        self._unkept.show(work.store != "ok" and bool(work.jobs))
        is_allowed = self._view.person.role >= Role.OPERATOR
        self._archives.show(work.archives if is_allowed else ())

    def _draw_unkept(self, is_unkept: bool) -> None:
        if is_unkept:
            tag("p", self._view.text("dead.jobs.unkept"), "notice")

    def _draw_archives(self, archives: tuple[KeptArchive, ...]) -> None:
        if archives:
            text = self._view.text
            with tag("details", "", "sheet archives", id="archives"):
                tag("summary", text("dead.archives", n=len(archives)))
                tag("p", text("dead.archives.how"), "soft")
                with tag("ul"):
                    for one in archives:
                        _draw_archive(self._view, one)


class _Card:
    """One job."""

    def __init__(self, view: View, job: JobShown) -> None:
        self._view, self._id = view, job.id
        text = view.text
        self._place = tag("section", "", "sheet job")
        with self._place:
            with tag("p"):
                tag("strong", text(f"dead.job.{job.kind}"))
                tag("span", " · ")
                link(job.actor, view.there(_AUDIT) + "#audit", title=text("dead.job.audit"))
                tag("span", " · ")
                moment(view, job.began_at)
            self._bar = tag("progress", aria_label=text(f"dead.job.{job.kind}"))
            self._said = tag("p", "", "soft", role="status")
            self._more = Part(self._draw_more)

    def move_up(self) -> None:
        """Stand before the others: it is the latest."""
        self._place.move(target_index=0)

    def show(self, job: JobShown) -> None:
        """How far it is."""
        text = self._view.text
        most = job.total if job.total is not None else (None if job.is_running else 1)
        value = job.done if job.total is not None else (None if job.is_running else 1)
        self._bar.set(max=most or None, value=value)
        of = "" if job.total is None else text("dead.job.of", n=job.total)
        done = text("dead.job.done", n=job.done)
        self._said.say(f"{text(f'dead.job.is.{job.state}')}: {done}{of}")
        self._more.show(
            (job.state, job.can_be_continued, job.is_continued, job.is_exact, job.fault)
        )

    def _draw_more(self, now: tuple[str, bool, bool, bool, str]) -> None:
        state, can_be_continued, is_continued, is_exact, fault = now
        text = self._view.text
        if not is_exact:
            tag("p", text("dead.job.killed"))
        if is_continued:
            tag("p", text("dead.job.continued"))
        if fault:
            tag("p", fault, "grave")
        if self._view.person.role < Role.OPERATOR:
            return
        path = f"/v1/jobs/{self._id}"
        with tag("p", "", "acts"):
            if state == "running":
                button = tag("button", text("dead.job.stop"), "quiet small", type="button")
                button.on("click", partial(acts.stop, self._view, self._id))
                _copy(self._view, "DELETE", path)
            elif can_be_continued:
                button = tag("button", text("dead.job.continue"), "small", type="button")
                button.on("click", partial(acts.go_on, self._view, self._id))
                _copy(self._view, "POST", f"{path}/continue")


def _draw_archive(view: View, one: KeptArchive) -> None:
    text = view.text
    path = f"/v1/dead-letters/archives/{one.name}"
    with tag("li"):
        moment(view, one.at)
        size = text.number(max(1, round(one.bytes / 1000)))
        with tag("span", "", "soft"):
            tag("span", f"{text('dead.archive.size', size=size)} ")
            moment(view, one.until)
        with tag("span", "", "acts"):
            link(text("dead.archive.download"), path, download="")
            button = tag("button", text("dead.archive.undo"), "quiet small", type="button")
            button.on("click", partial(acts.put_back, view, one.name))
            _copy(view, "POST", f"{path}/undo")


def _copy(view: View, method: str, path: str) -> None:
    copy_button(view, curl(view, method, path), view.text("copy.command"))


def curl(view: View, method: str, path: str, body: str = "") -> str:
    """The same by the console's HTTP."""
    settings = view.services.settings
    base = settings.console_url or f"http://127.0.0.1:{settings.console_port}"
    line = f'curl -s -X {method} {base}{path} -H "Authorization: Bearer $GATEWAY_CONSOLE_KEY"'
    return f"{line} -H 'Content-Type: application/json' -d {body}" if body else line

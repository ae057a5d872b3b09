"""Before letters are sent again or discarded: what would happen, and then the button."""

from functools import partial

from nicegui.events import GenericEventArguments

from common.recipients import parse_recipient
from common.settings import parse_rate
from console.dead_letters.reasons import reason_of
from console.dead_letters.trial import Trial
from console.frame.acting import Confirm
from console.frame.markup import Tag, link, tag
from console.frame.notices import nothing_here
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import command, say
from console.jobs.order import Order
from console.pages.dead_letters import acts
from console.pages.dead_letters.later import Later
from console.pages.dead_letters.reading import read_trial
from console.pages.dead_letters.wanted import HOME, Wanted

_MANY = 100  # above which the number is typed before they are discarded
_VALUE = "(event) => emit(event.target.value)"


def draw_sending(view: View, wanted: Wanted) -> None:
    """What sending these again would do."""
    order = wanted.order()
    _draw_back(view)
    read = partial(read_trial, view.services, order)
    Later(view, read, lambda trial: _Sending(view, wanted, order, trial))


def draw_discarding(view: View, wanted: Wanted) -> None:
    """How many would be discarded."""
    order = wanted.order()
    _draw_back(view)
    read = partial(read_trial, view.services, order)
    Later(view, read, lambda trial: _draw_discarding(view, wanted, order, trial))


class _Sending:
    """The dry run, how fast, to whom, and the button."""

    def __init__(self, view: View, wanted: Wanted, order: Order, trial: Trial) -> None:
        self._view, self._wanted, self._order, self._trial = view, wanted, order, trial
        self._rate: str | None = None
        self._to: str | None = None
        text = view.text
        if not trial.total:
            _draw_trial(view, trial)
            nothing_here(view, "dead.none.such")
            return
        with tag("section", "", "sheet"):
            _draw_trial(view, trial)
            for one in trial.wrong:
                tag("p", one.says.text(text.language.value), "notice needs")
            with tag("div", "", "fields"):
                self._field("rate", text("dead.rate"), text("dead.rate.hint"), self._set_rate)
                if len(wanted.ids) == 1:
                    self._field("to", text("dead.to.new"), text("dead.to.hint"), self._set_to)
            self._takes: Part[float] = Part(self._draw_takes, "p", "soft")
            with tag("p", "", "acts"):
                verb = text("dead.send.do", n=trial.total)
                tag("button", verb, id="do", type="button").on("click", self._begin)
                link(text("dialog.cancel"), view.there(HOME))
        self._command: Part[str] = Part(partial(command, view))
        self._show()

    def _field(self, name: str, label: str, hint: str, take: object) -> Tag:
        with tag("label"):
            tag("span", label)
            field = tag("input", id=name, placeholder=hint, autocomplete="off", maxlength=2000)
            field.on("input", take, js_handler=_VALUE)  # type: ignore[arg-type]
        return field

    def _set_rate(self, event: GenericEventArguments) -> None:
        written = str(event.args).strip()
        self._rate = (f"{written}/s" if written.isdigit() else written) or None
        self._show()

    def _set_to(self, event: GenericEventArguments) -> None:
        self._to = str(event.args).strip() or None
        self._show()

    def _show(self) -> None:
        try:
            self._trial.rate = parse_rate(self._rate) if self._rate else None
        except ValueError:
            return  # it is being written; the button says what is wrong
        self._takes.show(self._trial.takes_s)
        self._command.show(self._wanted.command("requeue", rate=self._rate, redirect=self._to))

    def _draw_takes(self, takes_s: float) -> None:
        is_exact = self._trial.rate is not None
        name = "dead.takes" if is_exact else "dead.takes.about"
        tag("span", self._view.text(name, time=_duration(self._view, takes_s)))

    async def _begin(self) -> None:
        text = self._view.text
        changes = {"rate": self._rate}
        try:
            if self._rate:
                parse_rate(self._rate)
        except ValueError:
            say(text("dead.rate.wrong", rate=self._rate or ""), is_fault=True)
            return
        if self._to:
            [(channel, _, _)] = self._trial.kinds
            try:
                changes["redirect"] = parse_recipient(f"{channel}:{self._to}").address
            except ValueError as error:
                say(str(error), is_fault=True)
                return
        order = self._order.model_copy(update=changes)
        await acts.send_again(self._view, order, self._trial.total)


def _draw_discarding(view: View, wanted: Wanted, order: Order, trial: Trial) -> None:
    text = view.text
    total = trial.total + trial.undecodable
    if not total:
        _draw_trial(view, trial)
        nothing_here(view, "dead.none.such")
        return
    days = view.services.settings.console_keep_archives_days
    question = text("dead.discard.sure", n=total)
    verb = text("dead.discard.do", n=total)
    confirm = Confirm(
        view,
        question,
        verb,
        partial(acts.discard, view, order, total),
        total if total > _MANY else None,
    )
    with tag("section", "", "sheet"):
        _draw_trial(view, trial)
        tag("p", text("dead.discard.how", n=days))
        with tag("p", "", "acts"):
            tag("button", verb, "grave", id="do", type="button").on("click", confirm.open)
            link(text("dialog.cancel"), view.there(HOME))
    command(view, wanted.command("discard"))


def _draw_trial(view: View, trial: Trial) -> None:
    """How many, of which reasons, to how many."""
    text = view.text
    tag("h2", text("dead.meant", n=trial.total + trial.undecodable))
    if trial.total:
        said = text("dead.recipients", n=trial.recipients)
        tag("p", f"{said}, {trial.example}" if trial.example else said)
    with tag("ul", "", "kinds"):
        for (channel, failed_as, code), count in trial.kinds.most_common():
            reason = reason_of(channel, failed_as, code)
            with tag("li"):
                tag("span", text.number(count), "number")
                tag("span", reason.says.text(text.language.value))
                tag("span", f"{channel} {failed_as} {code}", "soft")
    if trial.undecodable:
        tag("p", text("dead.undecodable", n=trial.undecodable), "notice")
    if trial.missing:
        tag("p", text("dead.missing", n=len(trial.missing)), "notice")


def _draw_back(view: View) -> None:
    with tag("p"):
        link(view.text("dead.back"), view.there(HOME))


def _duration(view: View, seconds: float) -> str:
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return view.text(f"dead.for.{unit}", n=round(seconds / size))
    return view.text("dead.for.seconds", n=max(1, round(seconds)))

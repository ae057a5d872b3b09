"""The letters of a group, or of any filter: a page of them, each can be picked."""

from collections.abc import Callable
from functools import partial

from nicegui.events import GenericEventArguments

from broker_topology.dead_letters.letter import DeadLetter
from console.dead_letters.reasons import reason_of
from console.dead_letters.seeing.seen import SeenLetter
from console.frame.markup import link, tag
from console.frame.notices import nothing_here
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import address, command, copy_button, keyset_table, moment, short_id
from console.pages.dead_letters.filters import draw_filters
from console.pages.dead_letters.later import Later
from console.pages.dead_letters.reading import Letters, passed_of, read_letters
from console.pages.dead_letters.wanted import HOME, Wanted
from console.people.person import Role

# Each box is clicked as a person would, so that the server hears of each.
_PICK_ALL = """(event) => document.querySelectorAll("input.pick").forEach(
  (one) => { if (one.checked !== event.target.checked) one.click(); })"""


def draw_letters(view: View, wanted: Wanted) -> None:
    """A page of letters, and what can be done to those that are picked."""
    with tag("p"):
        link(view.text("dead.back"), view.there(HOME))
    draw_filters(view, wanted)
    passed = passed_of(view.query.get("after"))
    Later(
        view,
        partial(read_letters, view.services, wanted, passed),
        lambda found: _draw(view, wanted, found),
        partial(_so_far, view),
    )
    command(view, wanted.command("list"))


def _so_far(view: View) -> str:
    """What is said until there is a page: how far the walk has come."""
    met = view.services.counts.seen
    return view.text("dead.looked", n=met) if met else view.text("dead.looking")


def _draw(view: View, wanted: Wanted, found: Letters) -> None:
    with tag("p", "", "soft"):
        tag("span", f"{view.text('dead.seen')} ")
        moment(view, found.at)
    if not found.letters:
        nothing_here(view, "dead.none.such")
        return
    if view.person.role < Role.OPERATOR:
        _draw_table(view, found, None)
        return
    picked: set[str] = set()
    with tag("div", "", "sheet picked"):
        bar = Part(partial(_draw_bar, view, wanted))
    bar.show(())

    def pick(letter_id: str, event: GenericEventArguments) -> None:
        (picked.add if event.args else picked.discard)(letter_id)
        bar.show(tuple(sorted(picked)))

    _draw_table(view, found, pick)


def _draw_bar(view: View, wanted: Wanted, picked: tuple[str, ...]) -> None:
    """About those that are picked; about all that are meant while none is."""
    text = view.text
    meant = Wanted.of_ids(picked) if picked else wanted
    said = text("dead.picked", n=len(picked)) if picked else text("dead.picked.none")
    tag("strong", said, role="status")
    with tag("span", "", "acts"):
        link(text("dead.send"), meant.href("send"))
        link(text("dead.discard"), meant.href("discard"), "grave")
        copy_button(view, meant.command("requeue"), text("copy.command"))


def _draw_table(
    view: View, found: Letters, pick: Callable[[str, GenericEventArguments], None] | None
) -> None:
    heads = ("dead.letter", "dead.reason", "dead.to", "dead.failed", "dead.attempts")
    if pick is not None:
        head = tag("label", "", "pick-all")
        with head:
            tag("input", type="checkbox").on("change", js_handler=_PICK_ALL)
            tag("span", view.text("dead.pick.all"))
    after = None if found.after is None else str(found.after)
    draw = partial(_draw_row, view, pick)
    keyset_table(view, heads, found.letters, draw, label="dead.letters", after=after)


def _draw_row(
    view: View,
    pick: Callable[[str, GenericEventArguments], None] | None,
    letter: DeadLetter | SeenLetter,
) -> None:
    text = view.text
    with tag("td", "", "nowrap"):
        if pick is not None:
            label = text("dead.pick", id=letter.id[-8:])
            box = tag("input", "", "pick", type="checkbox", aria_label=label)
            box.on(
                "change",
                partial(pick, letter.id),
                js_handler="(event) => emit(event.target.checked)",
            )
        short_id(view, letter.id, letter_href(letter))
    reason = reason_of(letter.channel, letter.failed_as, letter.code)
    with tag("td"):
        tag("span", reason.says.text(text.language.value))
        tag("p", f"{letter.failed_as} {letter.code}", "soft")
    tag("td", address(view, letter.channel or letter.queue, letter.address))
    with tag("td"):
        if letter.failed_at is not None:
            moment(view, letter.failed_at)
    tag("td", text.number(letter.attempts), "number")


def letter_href(letter: DeadLetter | SeenLetter, page: str = "letter") -> str:
    """The address of a page about this one letter."""
    query = {"id": letter.id} | ({"channel": letter.channel} if letter.channel else {})
    return Wanted().href(page, **query)

"""Each delivery as a list of what became of it, in the provider's own words."""

from common.times import utc_at
from console.frame.markup import link, tag
from console.frame.page import View
from console.frame.widgets import address, command, copy_button, moment, short_id, state_badge
from console.pages.notifications.commands import status_command
from console.pages.notifications.one.actions import draw_again
from console.pages.notifications.one.story import MOST_DELIVERIES, Life, Story, Told
from console.pages.notifications.one.words import lasts, outcome, what
from console.people.person import Role

_MOST_CHARS = 2000


def draw_lives(view: View, story: Story) -> None:
    """All that are told of, and the ways to the others."""
    if not story.lives:
        tag("p", view.text("notification.deliveries.none"), "soft")
    for life in story.lives:
        _draw_life(view, story, life)
    if story.of > MOST_DELIVERIES:
        _draw_others(view, story)


def _draw_life(view: View, story: Story, life: Life) -> None:
    text = view.text
    with tag("section", "", "life", id=f"d{life.number}"):
        with tag("h3", "", "whose"):
            short_id(view, life.id, f"/notifications/{life.id}")
            shown = address(view, life.channel, life.address)
            tag("span", shown if life.address else f"{shown}, {text('notification.erased')}")
            state_badge(view, life.status)
        with tag("p", "", "soft notes"):
            _draw_notes(view, life)
        if life.contradicted:
            tag("p", text("notification.contradicted"), "notice")
        if life.left_out:
            tag("p", text("notification.left", n=life.left_out), "soft")
        _draw_facts(view, life)
        with tag("div", "", "deeds"):
            if life.again and view.person.role >= Role.OPERATOR:
                draw_again(view, life)
            if view.person.role >= Role.OPERATOR and story.shown != life.number:
                name = text("notification.content.show")
                link(name, f"/notifications/{life.id}#content")
        command(view, _command(life))


def _command(life: Life) -> str:
    match life.again:
        case "requeue":
            return f"gateway dead requeue {life.id}"
        case "resend":
            return f"gateway stalled resend {life.id}"
    return status_command(life.id)


def _draw_notes(view: View, life: Life) -> None:
    text = view.text
    if life.generation:
        tag("span", text("notification.generation", n=life.generation))
    if life.is_stalled:
        tag("span", text("notification.stalled"), "grave")
    if life.held and not life.is_over:
        tag("span", text("notification.held", why=life.held))
    if life.next_at_ms and not life.is_over:
        with tag("span"):
            tag("span", f"{text('notification.next')} ")
            moment(view, utc_at(life.next_at_ms))


def _draw_facts(view: View, life: Life) -> None:
    text = view.text
    label = f"{text('notification.deliveries')} {life.number}"
    with (
        tag("div", "", "scroll", tabindex=0, role="region", aria_label=label),
        tag("table", "", "facts"),
    ):
        with tag("thead"), tag("tr"):
            for head in ("at", "what", "said", "next"):
                tag("th", text(f"notification.head.{head}"), scope="col")
        with tag("tbody"):
            for fact in life.facts:
                _draw_fact(view, fact)


def _draw_fact(view: View, fact: Told) -> None:
    text = view.text
    with tag("tr"):
        with tag("td"):
            moment(view, utc_at(fact.at_ms))
        with tag("td"):
            tag("strong", what(text, fact))
            if fact.generation:
                tag("p", text("notification.again.n", number=fact.generation), "soft")
            if fact.is_attempt:
                took = f", {lasts(text, fact.took_ms)}" if fact.took_ms is not None else ""
                said = text("notification.attempt", number=fact.attempt)
                tag("p", f"{said}: {outcome(text, fact)}{took}", "soft")
        with tag("td", "", "said"):
            _draw_said(view, fact)
        with tag("td"):
            if fact.next_at_ms is not None:
                moment(view, utc_at(fact.next_at_ms))


def _draw_said(view: View, fact: Told) -> None:
    text = view.text
    if fact.code:
        tag("span", f"{fact.code} ", "id")
    tag("span", fact.says[:_MOST_CHARS], dir="auto")
    if fact.is_ours:
        tag("p", text("notification.ours"))
    if fact.provider_id:
        with tag("p", "", "soft"):
            tag("span", fact.provider_id, "id")
            copy_button(view, fact.provider_id, text("copy"), text("copy.id", id=fact.provider_id))
    if fact.perhaps:
        tag("p", text("notification.perhaps"), "notice")
    if fact.is_again:
        tag("p", text("notification.duplicate"), "notice")


def _draw_others(view: View, story: Story) -> None:
    text, last = view.text, story.first + len(story.lives) - 1
    path = f"/notifications/{story.row.id}"
    with tag("p", "", "walk"):
        tag(
            "span",
            text("notification.deliveries.some", n=story.of, first=story.first, last=last),
        )
        if story.first > 1:
            before = max(1, story.first - MOST_DELIVERIES)
            link(text("notification.deliveries.before"), f"{path}?first={before}", rel="prev")
        if last < story.of:
            link(text("notification.deliveries.next"), f"{path}?first={last + 1}", rel="next")

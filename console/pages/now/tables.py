"""What stands on the page Now in words: concerns, tiles, tiers, processes and pauses."""

from collections.abc import Sequence
from datetime import UTC, datetime

from common.times import utc_at
from console.frame.markup import link, tag
from console.frame.notices import store_silent
from console.frame.page import View
from console.frame.sentence import headline
from console.frame.times import ago, exact
from console.frame.widgets import command, moment
from console.pages.now.numbers import Numbers
from console.pages.now.picture import Tier
from console.services.concerns import Concern, Level
from console.services.facts import Process, StoreFacts
from console.services.reading import Silent

_SECOND_MS = 1000


def draw_concerns(view: View, concerns: Sequence[Concern]) -> None:
    """What is wrong, the gravest first, each with a way to where it is mended."""
    if not concerns:
        tag("p", view.text("now.first.none"), "soft")
        return
    with tag("ul", "", "concerns"):
        for one in concerns:
            needs = one.level is Level.NEEDS_PERSON
            with tag("li", "", f"notice {'needs' if needs else ''}"):
                tag("strong", headline(view.text, one))
                if not needs:
                    tag("span", view.text("now.passes"), "soft")
                if one.detail:
                    tag("p", one.detail)
                link(view.text("frame.mend"), view.there(one.href))
                command(view, one.command)


def draw_tiles(view: View, numbers: Numbers | Silent) -> None:
    """Success and latencies of the time range."""
    if isinstance(numbers, Silent):
        store_silent(view, numbers)
        return
    text, none = view.text, view.text("now.none")
    with tag("dl", "", "tiles"):
        success = f"{text.number(numbers.success * 100, 1)} %" if numbers.success else none
        _tile(text("now.success"), success if numbers.success is not None else none)
        for what, found in (("latency", numbers.latency_ms), ("call", numbers.call_ms)):
            title = text(f"now.{what}")
            for name, key in (("p50", "half"), ("p95", "p95"), ("p99", "p99")):
                took = (found or {}).get(name)
                said = none if took is None else _duration(view, took)
                _tile(f"{title}, {text(f'now.latency.{key}')}", said)


def draw_tiers(view: View, tiers: Sequence[Tier]) -> None:
    """What waits for another try, by how long."""
    text = view.text
    tag("h3", text("now.tiers"))
    if not tiers:
        tag("p", text("now.tiers.none"), "soft")
        return
    with tag("ul", "", "tiers"):
        for one in tiers:
            with tag("li"):
                tag("span", text.number(one.waits), "number")
                tag("span", text("now.tier", name=one.name), "soft")


def draw_processes(view: View, store: StoreFacts | Silent) -> None:
    """Each process as it last said."""
    text = view.text
    if isinstance(store, Silent):
        store_silent(view, store)
        return
    if not store.processes:
        tag("p", text("now.processes.none"), "empty")
        return
    with (
        tag("div", "", "scroll", tabindex=0, role="region", aria_label=text("now.processes")),
        tag("table"),
    ):
        _head(view, "process", "process.host", "process.state", "process.lanes")
        with tag("tbody"):
            for one in store.processes:
                _draw_process(view, one, utc_at(store.at_ms))


def draw_pauses(view: View, processes: Sequence[Process]) -> None:
    """Everything that is held: which account, domain or recipient, why, and until when."""
    text = view.text
    held = [(one, pause) for one in processes if one.is_alive for pause in one.pauses]
    if not held:
        tag("p", text("now.pauses.none"), "soft")
        return
    with tag("table"), tag("tbody"):
        for one, pause in held:
            with tag("tr"):
                with tag("td"):
                    tag("strong", one.kind)
                    tag("p", f"{pause.get('scope', '')} {pause.get('name', '')}", "soft")
                tag("td", pause.get("reason", ""))
                with tag("td", "", "nowrap"):
                    _moment(view, pause.get("until", ""))


def _draw_process(view: View, one: Process, now: datetime) -> None:
    text = view.text
    state = text("now.process.alive" if one.is_alive else "now.process.silent")
    with tag("tr"):
        with tag("td"):
            tag("strong", one.kind)
            if not one.is_well:
                tag("p", one.account, "grave")
        tag("td", f"{one.host} {one.pid or ''}", "soft")
        with tag("td"):
            tag("span", state, "" if one.is_alive else "grave")
            seen = utc_at(one.seen_at_ms)
            tag("p", ago(text, seen, now), "soft", title=exact(seen, view.zone))
        lanes = f"{one.busy or 0} / {one.lanes}" if one.lanes else ""
        tag("td", lanes, "number")


def _head(view: View, *names: str) -> None:
    with tag("thead"), tag("tr"):
        for name in names:
            is_number = name == "process.lanes"
            tag("th", view.text(f"now.{name}"), "number" if is_number else "", scope="col")


def _tile(title: str, value: str) -> None:
    with tag("div", "", "sheet tile"):
        tag("dt", title)
        tag("dd", value)


def _duration(view: View, milliseconds: float) -> str:
    if milliseconds < _SECOND_MS:
        return view.text("now.ms", n=round(milliseconds))
    return view.text("now.seconds", rate=view.text.number(milliseconds / _SECOND_MS, 1))


def _moment(view: View, written: str) -> None:
    try:
        when = datetime.fromisoformat(written).astimezone(UTC)
    except ValueError:
        tag("span", written)
        return
    moment(view, when)

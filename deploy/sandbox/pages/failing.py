"""The page on which the next calls are made to fail, and that tells which addresses always do."""

from typing import Final

from common.channels import Channel
from deploy.sandbox.inbox.records import ADDRESS_CHARACTERS, shorten
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.shown import (
    draw_action,
    draw_channel,
    draw_table,
    draw_unblocking,
)
from deploy.sandbox.pages.texts import Texts
from deploy.sandbox.rules import Faults, Rule
from senders.simulator.faults import FAULTS, MAGIC, Act, Fault

_MOST_SHOWN: Final = 200
_OFTEN: Final = {None: "fail.always", 1: "fail.first", 2: "fail.first.two"}


def draw_failing(asked: Asked, faults: Faults) -> Html:
    """Return the form, what is pending, and the addresses that fail on purpose."""
    text = asked.text
    magic = draw_table(
        (
            f"{one.channel} {one.recipients}",
            f"{text(_OFTEN[one.times])}: {_what_happens(text, FAULTS[one.channel][one.fault])}",
        )
        for one in MAGIC
    )
    return tag(
        "article",
        tag("h2", text("fail.title")),
        tag("p", text("fail.what"), class_="soft"),
        _form(asked),
        _pending(asked, faults),
        tag("h2", text("fail.magic")),
        magic,
        class_="alone",
    )


def _form(asked: Asked) -> Html:
    text = asked.text
    groups = [
        tag(
            "optgroup",
            (
                tag("option", f"{name}: {_what_happens(text, fault)}", value=f"{channel} {name}")
                for name, fault in own.items()
            ),
            label=str(channel),
        )
        for channel, own in FAULTS.items()
    ]
    return tag(
        "form",
        _field(text("fail.fault"), tag("select", groups, id="fault", name="fault"), "fault"),
        _field(text("fail.count"), _number("count", 1, 1), "count"),
        _field(
            text("fail.recipient"),
            tag("input", id="recipient", name="recipient", autocomplete="off"),
            "recipient",
        ),
        _field(text("fail.retry_after"), _number("retry_after_s", 2, 0), "retry_after_s"),
        tag("p", tag("button", text("fail.do"), type="submit", class_="strong"), class_="actions"),
        tag("p", id="refused", class_="bad", role="alert"),
        tag("pre", id="command", class_="mono", aria_label=text("fail.command")),
        id="failing",
    )


def _field(name: str, control: Html, id_: str) -> Html:
    return tag("p", tag("label", name, for_=id_), control, class_="field")


def _number(name: str, value: int, least: int) -> Html:
    return tag("input", type="number", id=name, name=name, min=least, value=value)


def _pending(asked: Asked, faults: Faults) -> Html:
    text = asked.text
    listed = [tag("li", _rule(asked, rule)) for rule in faults.pending()]
    unblocked = [tag("li", _unblocked(asked, *one)) for one in faults.unblocked()[-_MOST_SHOWN:]]
    clear = draw_action(text("fail.clear"), "DELETE", "/faults")
    return tag(
        "section",
        tag("h2", text("fail.pending")),
        tag("ul", listed, class_="checks") if listed else tag("p", text("fail.none")),
        tag("p", clear, class_="actions") if listed else None,
        tag("ul", unblocked, class_="checks") if unblocked else None,
        id="pending",
        data_live=True,
        aria_label=text("fail.pending"),
    )


def _unblocked(asked: Asked, channel: Channel, recipient: str) -> Html:
    text = asked.text
    said = tag("bdi", shorten(recipient, ADDRESS_CHARACTERS))
    button = draw_unblocking(text, channel, recipient, is_blocked=False)
    return join(draw_channel(channel), " ", said, f": {text('fail.unblocked')} ", button)


def _rule(asked: Asked, rule: Rule) -> Html:
    text = asked.text
    whom = rule.recipient if rule.recipient is not None else text("fail.everybody")
    left = text("fail.left", n=rule.remaining)
    said = f" {rule.fault}: {_what_happens(text, rule.resolve())}; "
    return join(draw_channel(rule.channel), said, tag("bdi", whom), f"; {left}")


def _what_happens(text: Texts, fault: Fault) -> str:
    """In one line; an answer stays in the provider's own words."""
    if fault.act is Act.ANSWER:
        return fault.summary
    return text(f"act.{fault.act.name.lower()}", delay=f"{fault.delay_s:g}")

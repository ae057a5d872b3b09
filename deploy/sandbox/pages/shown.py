"""Small things that several pages show: times, channels, tables, buttons that do something.

What strangers wrote stands in <bdi> or under dir=auto: right-to-left text then turns nothing else.
"""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode

from deploy.sandbox.pages.markup import Html, tag
from deploy.sandbox.pages.texts import Texts


def draw_time(at: datetime, *, is_whole: bool = False) -> Html:
    """A moment in UTC; the script turns it into the browser's own time."""
    shown = at.strftime("%Y-%m-%d %H:%M:%S UTC" if is_whole else "%H:%M:%S")
    return tag(
        "time",
        shown,
        datetime=at.isoformat(),
        title=at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        data_whole=is_whole,
    )


def draw_channel(channel: str) -> Html:
    """A channel by its name and colour."""
    return tag("span", channel, class_=f"channel {channel}")


def draw_table(rows: Iterable[tuple[str, str | Html]]) -> Html:
    """Names and values."""
    return tag(
        "table",
        (
            tag(
                "tr",
                tag("th", tag("bdi", name), scope="row"),
                tag("td", value, dir="auto"),
            )
            for name, value in rows
        ),
    )


def draw_action(
    name: str,
    method: str,
    href: str,
    *,
    question: str | None = None,
    then: str | None = None,
    key: str | None = None,
) -> Html:
    """A button that sends a request.

    question: what is asked before. then: where to go afterwards; the page is shown again without.
    """
    return tag(
        "button",
        name,
        type="button",
        data_method=method,
        data_href=href,
        data_question=question,
        data_then=then,
        aria_keyshortcuts=key,
    )


def draw_unblocking(text: Texts, channel: str, recipient: str, *, is_blocked: bool) -> Html:
    """A button that has a recipient who fails on purpose accepted, or refused again."""
    whom = urlencode({"channel": channel, "recipient": recipient})
    name, method = ("message.unblock", "PUT") if is_blocked else ("message.block", "DELETE")
    return draw_action(text(name), method, f"/unblocked?{whom}")

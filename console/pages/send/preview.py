"""A message as its recipient would see it, and the commands that send it."""

import json
from collections.abc import Mapping
from typing import Any

from common.channels import Channel
from console.frame.markup import sandboxed, tag
from console.frame.page import View
from console.frame.widgets import command
from console.pages.send.commands import command_of, curl_of


def draw_preview(view: View, channel: Channel, request: Mapping[str, Any]) -> None:
    """What is written now."""
    if not any(request.get(name) for name in ("subject", "text", "html", channel.value)):
        tag("p", view.text("send.preview.none"), "soft")
        return
    match channel:
        case Channel.EMAIL:
            _draw_email(view, request)
        case Channel.TELEGRAM:
            options = request.get("telegram", {})
            _draw_bubble(view, request, options.get("parse_mode") == "HTML")
            _draw_buttons([one["text"] for one in row] for row in options.get("buttons", ()))
        case Channel.VK:
            _draw_bubble(view, request, is_html=False)
            _draw_buttons(_labels(request.get("vk", {}).get("keyboard", {})))
        case Channel.WEBHOOK:
            said = json.dumps(request, indent=2, ensure_ascii=False)
            tag("pre", said, tabindex=0, role="region", aria_label=view.text("send.preview"))


def draw_commands(view: View, request: Mapping[str, Any]) -> None:
    """How a terminal does the same."""
    command(view, command_of(request))
    command(view, curl_of(request, view.services.sending.url))


def _draw_email(view: View, request: Mapping[str, Any]) -> None:
    options = request.get("email", {})
    with tag("div", "", "mail"):
        tag("p", request.get("subject") or view.text("send.preview.subject.none"), "subject")
        tag("p", ", ".join(filter(None, (options.get("from_name"), *request["to"][:3]))), "soft")
        if html := request.get("html"):
            sandboxed(html, view.text("send.preview.html"))
        elif text := request.get("text"):
            tag("p", text, "words")


def _draw_bubble(view: View, request: Mapping[str, Any], is_html: bool) -> None:
    text, html = request.get("text"), request.get("html")
    with tag("div", "", "bubble"):
        if subject := request.get("subject"):
            tag("p", subject, "words subject")
        if (html and not text) or is_html:
            sandboxed(
                f"<div style='white-space:pre-wrap'>{text or html}</div>", view.text("send.preview")
            )
        elif text:
            tag("p", text, "words")


def _draw_buttons(rows: Any) -> None:
    with tag("div", "", "buttons"):
        for row in rows:
            with tag("div", "", "row"):
                for label in row:
                    tag("span", str(label))


def _labels(keyboard: Mapping[str, Any]) -> list[list[str]]:
    """Of VK's keyboard, which nobody has checked."""
    rows = keyboard.get("buttons")
    found: list[list[str]] = []
    for row in rows if isinstance(rows, list) else ():
        actions = (
            [one.get("action") for one in row if isinstance(one, dict)]
            if isinstance(row, list)
            else []
        )
        found.append([str(one.get("label", "")) for one in actions if isinstance(one, dict)])
    return found

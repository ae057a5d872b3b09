"""The views of a webhook: its body, who signed it and whether that holds, its headers."""

import json
from collections.abc import Iterator
from typing import Final

from common.webhooks.signing import OWNER_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from deploy.sandbox.inbox.records import Entry
from deploy.sandbox.pages.asked import Asked
from deploy.sandbox.pages.markup import Html, join, tag
from deploy.sandbox.pages.shown import draw_table

_LOOKS: Final = {"invalid": "bad", "unsigned": "wait"}
_MAX_BODY: Final = 256 * 1024  # characters that are laid out


def webhook_views(asked: Asked, entry: Entry) -> Iterator[tuple[str, str, Html]]:
    """Yield each view: its name in the address, its title, what it shows."""
    said = entry.params.get("body", "")
    body = tag("pre", _laid_out(said), class_="mono", dir="auto")
    yield "body", asked.text("view.body"), join(_signature(asked, entry), body)
    yield "source", asked.text("view.source"), tag("pre", said, class_="mono", dir="auto")
    yield "headers", asked.text("view.headers"), draw_table(entry.headers)


def _signature(asked: Asked, entry: Entry) -> Html:
    text, verdict = asked.text, entry.signature or "unsigned"
    owner = entry.header(OWNER_HEADER)
    signer = text("signature.owner", owner=owner) if owner else text("signature.gateway")
    said = tag("strong", text(f"signature.{verdict}"), class_=_LOOKS.get(verdict))
    rows = [
        (text("signature.title"), said),
        (text("signature.signer"), signer),
        (TIMESTAMP_HEADER, entry.header(TIMESTAMP_HEADER)),
        (SIGNATURE_HEADER, entry.header(SIGNATURE_HEADER)),
    ]
    return draw_table((name, value) for name, value in rows if value)


def _laid_out(body: str) -> str:
    if len(body) > _MAX_BODY:
        return body
    try:
        laid_out = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
    return laid_out.encode("utf-8", "replace").decode()

"""What the API tells of a notification, its recipients masked as in dead letters; pure."""

from typing import Any

from broker_topology.dead_letters.letter import mask_address, mask_quoted

Document = dict[str, Any]


def masked(document: Document) -> Document:
    """A notification whose recipients can be recognised and not written to."""
    return document | {"deliveries": [_delivery(one) for one in document["deliveries"]]}


def _delivery(one: Document) -> Document:
    channel, _, address = (one["to"] or "").partition(":")
    if not address:
        return one
    shown = one | {"to": f"{channel}:{mask_address(address)}"}
    if dead := one.get("dead_letter"):
        shown["dead_letter"] = _said(dead, address)
    if "attempts" in one:
        shown["attempts"] = [_said(attempt, address) for attempt in one["attempts"]]
    return shown


def _said(one: Document, address: str) -> Document:
    message = one.get("message")
    return one | {"message": mask_quoted(message, address)} if message else one

"""A fact as people are told it: masked for viewers, and only ever text; pure."""

from dataclasses import dataclass
from typing import Any, Final

from broker_topology.dead_letters.letter import mask_address, mask_quoted
from common.times import iso_ms
from console.people.person import Role
from store.events import StoredEvent

Row = dict[str, Any]

_TOLD: Final = (
    "seq",
    "id",
    "type",
    "status",
    "notification_status",
    "delivery_id",
    "owner",
    "generation",
    "attempt",
    "outcome",
    "code",
    "provider_id",
    "took_ms",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """How facts are shown to somebody of this role."""

    role: Role

    def row(self, one: StoredEvent) -> Row:
        """A row of the list, and all of the fact under `all`."""
        whole = self.document(one)
        return {
            "seq": one.seq,
            "at": whole["at"],
            "type": one.type,
            "channel": one.channel,
            "to": whole["to"] or one.channel,
            "status": one.status,
            "said": " ".join(filter(None, (one.code, whole["message"]))),
            "notification": str(one.notification_id),
            "test": one.is_test,
            "all": [[name, _text(value)] for name, value in whole.items() if value is not None],
        }

    def document(self, one: StoredEvent) -> Row:
        """All of a fact."""
        address, message = one.address, one.message
        if self.role < Role.OPERATOR:
            message = mask_quoted(message, address) if message else message
            address = mask_address(address) if address else address
        told = {name: getattr(one, name) for name in _TOLD}
        return told | {
            "id": str(one.id),
            "at": iso_ms(one.at_ms),
            "to": None if address is None else f"{one.channel}:{address}",
            "message": message,
            "began_at": iso_ms(one.began_at_ms),
            "next_at": iso_ms(one.next_at_ms),
            "tags": list(one.tags) or None,
            "test": one.is_test,
        }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

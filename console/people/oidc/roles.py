"""From what a provider says of a person to a name and a role; pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from console.people.person import Role

_MOST_NAME: Final = 64


def role_of(claims: Mapping[str, Any], claim: str, pairs: Iterable[tuple[str, str]]) -> Role | None:
    """The highest role that a value of the claim has; None if none has one.

    claim: `groups`, or a path as `realm_access.roles`; its value one text or a list of them.
    """
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for step in claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    values = {found} if isinstance(found, str) else _texts(found)
    roles = [Role[role.upper()] for value, role in pairs if value in values]
    return max(roles, default=None)


def name_of(claims: Mapping[str, Any], claim: str) -> str:
    """What the audit log calls the person: the claim, or else what the provider tells them by."""
    for one in (claim, "preferred_username", "email", "sub"):
        text = str(claims.get(one) or "").strip()
        if text and text.isprintable():
            return text[:_MOST_NAME]
    return "unnamed"


def subject_of(issuer: str, subject: str) -> str:
    """Whose sessions are whose: of a fixed length, however long the provider's own id is."""
    return "oidc:" + hashlib.sha256(f"{issuer} {subject}".encode()).hexdigest()[:40]


def _texts(found: Any) -> set[str]:
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()

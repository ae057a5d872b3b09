"""Endpoints as people change them, each change with what the audit log says of it."""

from typing import Any

from sqlalchemy import Connection

from common.errors import ArgumentError, GatewayError
from common.recipients import normalise_webhook
from common.settings import Settings
from common.times import epoch_ms, utc_now
from common.webhooks.events import check_choice
from common.webhooks.signing import derive_key, write_secret
from store.access.audit import Action, Entry, write_entry
from store.callbacks.endpoints import (
    Endpoint,
    State,
    Target,
    find_endpoint,
    set_state,
    targets_by_id,
)


class NoSuchEndpoint(GatewayError):
    """There is none of this id, or it is off."""


def checked_url(option: str, text: str) -> str:
    """In its one form. Raises ArgumentError."""
    try:
        return normalise_webhook(text)
    except ValueError as error:
        raise ArgumentError(f"{option}: {error}.") from None


def checked_events(text: str | None) -> tuple[str, ...]:
    """None: the usual ones, which no names stand for. Raises ArgumentError."""
    try:
        return () if text is None else tuple(check_choice(one.strip()) for one in text.split(","))
    except ValueError as error:
        raise ArgumentError(f"--events: {error}.") from None


def secret_of(settings: Settings, owner: str, version: int) -> str:
    """What a key's receivers check with. Raises GatewayError where it cannot be made."""
    if settings.callback_root_secret is None:
        raise GatewayError(
            "GATEWAY_CALLBACK_ROOT_SECRET is not set, which keys' secrets are made of: set it to "
            "what the webhook sender has, or make one with `openssl rand -hex 32`."
        )
    root = settings.callback_root_secret.get_secret_value()
    return write_secret(derive_key(root, owner, version))


def known_endpoint(connection: Connection, name: str) -> Endpoint:
    """The one of this id. Raises NoSuchEndpoint."""
    found = find_endpoint(connection, name)
    if found is None:
        raise NoSuchEndpoint(f"There is no endpoint {name!r}: see `gateway callbacks list`.")
    return found


def active_target(connection: Connection, name: str, now_ms: int) -> Target:
    """The one of this id as callbacks are made for it. Raises NoSuchEndpoint."""
    found = known_endpoint(connection, name)
    target = targets_by_id(connection, [name], now_ms).get(name)
    if target is None:
        raise NoSuchEndpoint(
            f"{name} is {found.state} ({found.reason}): `gateway callbacks enable {name}` ends it."
        )
    return target


def turn_on(connection: Connection, actor: str, name: str) -> Endpoint:
    """Call one back again, from now on. Raises NoSuchEndpoint."""
    return _turn(connection, actor, name, State.ACTIVE, Action.ENABLED)


def turn_off(connection: Connection, actor: str, name: str) -> Endpoint:
    """Call one back no more. Raises NoSuchEndpoint."""
    return _turn(connection, actor, name, State.DISABLED, Action.DISABLED)


def entry(actor: str, action: Action, one: Endpoint, **details: Any) -> Entry:
    """What the audit log says of a change."""
    told = {**details_of(one), **details}
    return Entry(epoch_ms(utc_now()), actor, action, subject_of(one), told)


def subject_of(one: Endpoint) -> str:
    """An endpoint, as the audit log names it."""
    return f"endpoint {one.id}"


def details_of(one: Endpoint) -> dict[str, Any]:
    """What the audit log says of it; of the URL, whose path may be secret, the host."""
    return {"host": one.url.split("/")[2], "key": one.owner or None}


def _turn(connection: Connection, actor: str, name: str, state: State, action: Action) -> Endpoint:
    found = known_endpoint(connection, name)
    reason = None if state is State.ACTIVE else "an operator disabled it"
    set_state(connection, name, state, reason, epoch_ms(utc_now()))
    write_entry(connection, entry(actor, action, found))
    return known_endpoint(connection, name)

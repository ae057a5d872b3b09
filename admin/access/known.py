"""Whose a key is: asked of a store, before the key is shown to an API."""

from admin.store.opened import opened
from common.errors import GatewayError
from common.settings import Settings
from store.access.key_form import hash_of
from store.access.keys import load_keys


def is_key_of(settings: Settings, key: str) -> bool:
    """Whether the store of these settings has made this key; False when it cannot be asked."""
    wanted = hash_of(key)
    try:
        with opened(settings) as database, database.reading() as connection:
            return any(wanted in (one.hash, one.former_hash) for one in load_keys(connection))
    except GatewayError:
        return False

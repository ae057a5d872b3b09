"""One key: what it may, and its end, its replacement and its receivers' secret."""

from functools import partial
from typing import Any

from common.times import epoch_ms, utc_now
from console.frame.acting import acting
from console.frame.markup import Tag, link, tag
from console.frame.notices import nothing_here, store_silent
from console.frame.page import View
from console.frame.times import in_zone
from console.frame.widgets import command, say
from console.pages.operations.forms import Sent, asking, field, form, shown_once
from console.pages.operations.parts import actor, fact, fact_at, go, is_admin
from console.pages.operations.places import KEYS, draw_ways
from console.people.person import Role
from console.services.reading import Silent
from store.access.key_changes import end_key, known_key, replace_key, replace_secret
from store.access.keys import KeyRow, find_key
from store.access.making import duration
from store.callbacks.changes import secret_of

_KEPT = "24h"


async def draw(view: View) -> None:
    """What is known of it; the actions for who may take them."""
    draw_ways(view, KEYS)
    found = await view.services.store(partial(find_key, key_id=view.parts["id"]))
    if isinstance(found, Silent):
        store_silent(view, found)
    elif found is None:
        nothing_here(view, "key.missing")
    else:
        _draw_facts(view, found)
        if is_admin(view) and found.is_good(epoch_ms(utc_now())):
            _draw_actions(view, found)


def _draw_facts(view: View, row: KeyRow) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", row.name)
        with tag("dl", "", "facts"):
            fact(text("key.id"), row.id)
            fact(text("key.mode"), text(f"key.mode.{row.mode.value}.what"))
            fact(text("key.scopes"), ", ".join(sorted(row.scopes)))
            fact(text("key.rate"), row.rate or "–")
            fact(text("key.recipients"), ", ".join(row.recipients) or "–")
            for name, at in (
                ("key.created", row.created_at_ms),
                ("key.used", row.seen_at_ms),
                ("key.expires", row.expires_at_ms),
                ("key.revoked", row.revoked_at_ms),
            ):
                if at is not None:
                    fact_at(view, text(name), at)
        link(text("operations.audit"), view.there("/operations/audit", subject=f"key {row.id}"))


def _draw_actions(view: View, row: KeyRow) -> None:
    text = view.text
    with tag("section", "", "sheet"):
        tag("h2", text("key.rotate"))
        made = tag("div")
        with form(text("key.rotate"), text("key.rotate"), partial(_rotate, view, made, row.id)):
            field("keep", text("key.overlap"), _KEPT, value=_KEPT)
        command(view, f"gateway keys rotate {row.id} --overlap {_KEPT}")
    with tag("section", "", "sheet"):
        tag("h2", text("key.secret"))
        secret = tag("div")
        with form(text("key.secret"), text("key.secret"), partial(_renew, view, secret, row.id)):
            field("keep", text("key.overlap"), _KEPT, value=_KEPT)
        command(view, f"gateway callbacks rotate {row.id} --keep {_KEPT}")
    with tag("section", "", "sheet"):
        tag("h2", text("key.revoke"))
        question = text("key.revoke.sure", name=row.name)
        line = f"gateway keys revoke {row.id}"
        asking(view, text("key.revoke"), question, line, partial(_revoke, view, row.id))


@acting(Role.ADMIN)
async def _rotate(view: View, place: Tag, key_id: str, sent: Sent) -> None:
    together = duration("--overlap", sent.get("keep") or _KEPT)
    change = partial(replace_key, actor=actor(view), key_id=key_id, together=together)
    key, _, until = await view.services.store.change(change)
    place.clear()
    with place:
        shown_once(view, key)
        tag("p", view.text("key.both", until=in_zone(until, view.zone)))


@acting(Role.ADMIN)
async def _renew(view: View, place: Tag, key_id: str, sent: Sent) -> None:
    together = duration("--keep", sent.get("keep") or _KEPT)
    settings = view.services.settings

    def change(connection: Any) -> tuple[str, str]:
        row = known_key(connection, key_id)
        made = secret_of(settings, row.id, row.secret_version + 1)
        return made, in_zone(replace_secret(connection, actor(view), row, together), view.zone)

    made, until = await view.services.store.change(change)
    place.clear()
    with place:
        shown_once(view, made)
        tag("p", view.text("key.both", until=until))


@acting(Role.ADMIN)
async def _revoke(view: View, key_id: str) -> None:
    row = await view.services.store.change(partial(end_key, actor=actor(view), key_id=key_id))
    say(view.text("key.gone", name=row.name))
    go(view.there(KEYS.path))

"""What would still be wrong if letters were sent again now: senders and accounts of a channel.

Whether anybody consumes a channel's queues the broker knows; what a sender says of its account, and
what waits for which reason, the store.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from broker_topology.connect import connected
from broker_topology.state import depth
from broker_topology.topology import queue_name
from common.channels import PRIORITIES
from common.settings import Settings
from common.times import epoch_ms, utc_now
from console.dead_letters.reasons import Words
from store.access.noting import has_store
from store.database import Database, StoreUnavailable
from store.dead_letters.groups import count_held
from store.processes import ProcessRow, load_processes

SILENT_S: Final = 30.0
"""Three signs of life that did not come."""

_WELL: Final = "ok"

Held = Mapping[tuple[str, str], int]
"""By channel and reason, how many deliveries wait."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What holds a channel's letters up; says: the sentence, with what helps."""

    channel: str
    code: Literal["no_sender", "account_refused", "held"]
    says: Words


def troubles(settings: Settings, url: str, channels: Collection[str]) -> list[Trouble]:
    """What is wrong with these channels now. Blocking. Raises TopologyError."""
    rows, held = _told_by_store(settings)
    return judge(rows, held, channels, _unconsumed(url, channels))


def judge(
    rows: Iterable[ProcessRow],
    held: Held,
    channels: Collection[str],
    unconsumed: Collection[str],
) -> list[Trouble]:
    """The same from what processes told lately, how much is held why, and which nobody consumes."""
    alive = [row for row in rows if not row.state.get("stopped")]
    found: list[Trouble] = []
    for channel in sorted(channels):
        if channel in unconsumed:
            found.append(_no_sender(channel))
        senders = [row for row in alive if row.kind == f"sender-{channel}"]
        refused = sorted({row.state.get("account") or _WELL for row in senders} - {_WELL})
        found += [_refused(channel, account) for account in refused]
        found += [
            _held(channel, reason, number)
            for (of, reason), number in sorted(held.items())
            if of == channel
        ]
    return found


def _told_by_store(settings: Settings) -> tuple[list[ProcessRow], Held]:
    """Nothing where there is no store, or it does not answer."""
    if not has_store(settings):
        return [], {}
    database = Database(settings.store_url)
    try:
        with database.reading() as connection:
            since_ms = int(epoch_ms(utc_now()) - SILENT_S * 1000)
            return load_processes(connection, since_ms), count_held(connection)
    except StoreUnavailable:
        return [], {}
    finally:
        database.close()


def _unconsumed(url: str, channels: Collection[str]) -> set[str]:
    """The channels of which nobody consumes a queue; the journal may not have heard of a sender."""
    found: set[str] = set()
    with connected(url) as connection:
        for channel in channels:
            depths = [depth(connection, queue_name(channel, one)) for one in PRIORITIES]
            if not any(one and one.consumers for one in depths):
                found.add(channel)
    return found


def _no_sender(channel: str) -> Trouble:
    return Trouble(
        channel,
        "no_sender",
        Words(
            f"No sender of {channel} runs: they would wait in its queues. Start "
            f"`gateway sender {channel}`.",
            f"Ни один отправитель {channel} не работает: сообщения будут ждать в очередях. "
            f"Запустите `gateway sender {channel}`.",
        ),
    )


def _refused(channel: str, account: str) -> Trouble:
    return Trouble(
        channel,
        "account_refused",
        Words(
            f"The account of {channel} is paused ({account}): they would wait until it works.",
            f"Аккаунт {channel} на паузе ({account}): они будут ждать, пока он не заработает.",
        ),
    )


def _held(channel: str, reason: str, number: int) -> Trouble:
    return Trouble(
        channel,
        "held",
        Words(
            f"{number} of {channel} are held already ({reason}): these would join them.",
            f"{number} в {channel} уже задержаны ({reason}): эти встанут за ними.",
        ),
    )

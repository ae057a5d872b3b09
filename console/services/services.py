"""What pages share: made once a process, handed in, closed at its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from broker_topology.health.checks import check_broker
from broker_topology.health.queues import BrokerNumbers, read_numbers
from common.settings import Settings
from common.settings.in_force import settings_in_force
from common.watching.finding import Finding
from console.dead_letters.groups import GroupCounts
from console.dead_letters.kept import KeptArchives
from console.jobs.jobs import Jobs
from console.people.people import People
from console.services.concerns import Concern, concerns_of, dead
from console.services.doctor import Doctor
from console.services.facts import StoreFacts, read_facts
from console.services.follower import Follower
from console.services.own_keys import OwnKeys
from console.services.reading import Silent, StoreReader
from console.services.sending import Sending
from console.services.shared import Shared
from console.services.threads import in_thread
from console.walks import Walks

Value = TypeVar("Value")

_LOOK_S: Final = 5.0
_SLOW_LOOK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole at one moment; dead: dead letters, None if the broker does not say."""

    broker: BrokerNumbers
    store: StoreFacts | Silent
    concerns: tuple[Concern, ...]
    dead: int | None


class Services:
    """Made with the application; each reads what it needs only while somebody looks."""

    def __init__(
        self,
        settings: Settings,
        people: People,
        walks: Walks,
        jobs: Jobs,
        kept: KeptArchives,
        counts: GroupCounts,
    ) -> None:
        self.settings = settings
        self.people = people
        self.walks = walks
        self.jobs = jobs
        self.kept = kept
        self.counts = counts
        self.store = StoreReader(settings.store_url)
        self.follower = Follower(self.store)
        self.sending = Sending(settings, OwnKeys(people.database))
        self.doctor = Doctor(settings)
        self.in_force = settings_in_force(settings)
        self.overview = Shared(self._look, _LOOK_S)
        self._findings = Shared(self._look_slowly, _SLOW_LOOK_S)
        self._slow: tuple[Finding, ...] = ()
        self._shared: dict[str, Shared[Any]] = {}

    def shared(
        self, name: str, fetch: Callable[[], Awaitable[Value]], every_s: float
    ) -> Shared[Value]:
        """What all pages that ask under this name show; fetch: as of the first who asked."""
        return self._shared.setdefault(name, Shared(fetch, every_s))

    async def close(self) -> None:
        """Let go of everything."""
        await self.follower.close()
        await self.doctor.close()
        await self.overview.close()
        await self._findings.close()
        for one in self._shared.values():
            await one.close()
        self.store.close()

    async def _look(self) -> Overview:
        """The broker, and the store, at once; what takes long is waited for by nobody."""
        slow = asyncio.ensure_future(self._findings.get())
        url, management_url = self.settings.broker_url, self.settings.management_api
        broker, store = await asyncio.gather(
            in_thread(partial(read_numbers, url, management_url)),
            self.store(partial(read_facts, now_ms=round(time.time() * 1000))),
        )
        findings = slow.result() if slow.done() else self._slow
        concerns = concerns_of(broker, store, findings)
        return Overview(broker, store, tuple(concerns), dead(broker))

    async def _look_slowly(self) -> tuple[Finding, ...]:
        """The doctor's own look at the broker."""
        url, management_url = self.settings.broker_url, self.settings.management_api
        found = await in_thread(partial(check_broker, url, management_url, ()))
        # What is looked at each time, and rights that a console need not have, are left out.
        self._slow = tuple(one for one in found.findings if one.check in ("broker", "topology"))
        return self._slow

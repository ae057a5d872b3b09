"""A process's sign of life: told every 10 s to whoever listens, kept by nobody who does not."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Final, Literal
from uuid import uuid4

from pydantic import AwareDatetime, Field

from common.broker.errors import PublishError
from common.broker.publisher import Publisher
from common.envelope import WIRE_VERSION, WireModel
from common.facts import HEARTBEAT_KEY, OUR_HOST
from common.logs import get_logger
from common.times import utc_now

log = get_logger(__name__)

INTERVAL_S: Final = 10.0
EXPIRES_S: Final = 60.0

_LAST_WORD_S: Final = 1.0


class Held(WireModel):
    """Something that a sender does not send to for a while, or of a whole account."""

    scope: str
    name: str = Field(description="a domain's name, and of a recipient no more than tells it apart")
    reason: str
    until: str = Field(description="when it is tried again, ISO 8601")


class Heartbeat(WireModel):
    """What a process says of itself; `id` is its own for as long as it lives."""

    v: Literal[1] = WIRE_VERSION
    id: str
    kind: str = Field(description="its role: `api`, `sender-email`, …")
    host: str
    pid: int
    version: str
    started_at: AwareDatetime
    at: AwareDatetime
    lanes: int | None = None
    busy: int | None = Field(None, description="lanes with a delivery in hand")
    account: str | None = Field(None, description="`ok`, or what the provider has against it")
    pauses: tuple[Held, ...] = ()
    stopped: bool = Field(False, description="it ended in order: this is its last word")


State = Callable[[], Mapping[str, object]]
"""Fields of a heartbeat that change: `lanes`, `busy`, `account`, `pauses`."""


class Heart:
    """Tells that one process lives. Nobody waits for it, and what the broker does not take is gone.

    exchange: where events go.
    """

    def __init__(self, publisher: Publisher, exchange: str, kind: str, state: State = dict) -> None:
        self._publisher = publisher
        self._exchange = exchange
        self._state = state
        self._id = uuid4().hex
        self._kind = kind
        self._started_at = utc_now()

    async def run(self) -> None:
        """Tell it at once and every 10 s, until cancelled."""
        while True:
            await self._beat(INTERVAL_S)
            await asyncio.sleep(INTERVAL_S)

    async def stop(self) -> None:
        """Tell that the process ends, unless the broker would have to be waited for."""
        await self._beat(_LAST_WORD_S, stopped=True)

    def at(self, moment: datetime, *, stopped: bool = False) -> Heartbeat:
        """What there is to say now."""
        fields = {
            "id": self._id,
            "kind": self._kind,
            "host": OUR_HOST,
            "pid": os.getpid(),
            "version": version("message-gateway"),
            "started_at": self._started_at,
            "at": moment,
            "stopped": stopped,
        }
        return Heartbeat.model_validate(fields | dict(self._state()))

    async def _beat(self, timeout_s: float, *, stopped: bool = False) -> None:
        beat = self.at(utc_now(), stopped=stopped)
        try:
            await self._publisher.publish(
                self._exchange,
                HEARTBEAT_KEY,
                beat.encode(),
                message_id=uuid4().hex,
                mandatory=False,
                timeout_s=timeout_s,
                expires_ms=int(EXPIRES_S * 1000),
            )
        except PublishError:
            pass  # the next one may arrive
        except Exception:  # a bug of ours: it ends neither the process nor its heart
            log.exception("a sign of life could not be told")


@asynccontextmanager
async def beating(heart: Heart) -> AsyncIterator[None]:
    """Its heart beats inside the block, and its end is told when that is left."""
    task = asyncio.create_task(heart.run(), name="heartbeat")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await heart.stop()

"""A channel whose provider answers by a script: for tests of the pipeline around it."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

from common.channels import Channel
from common.envelope import Delivery
from common.settings import Rate, Settings, load_settings
from senders.outcome import Reply, Sent
from senders.process import run_sender
from senders.provider import Limits, Provider

Answer = Reply | Exception | Callable[[], Reply]


class ScriptedProvider:
    """Answers each attempt for a text with the next entry of its script, then with `Sent`."""

    name = Channel.TELEGRAM
    repeat_safe_s: float | None = None

    def __init__(
        self,
        limits: Limits | Callable[[Delivery], Limits] | None = None,
        rate: Rate | None = None,
    ) -> None:
        self.rate = rate
        self.scripts: dict[str, list[Answer]] = defaultdict(list)
        self.calls: list[tuple[str, str, float]] = []
        self.sending = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._limits = limits or Limits()

    def script(self, text: str, *answers: Answer) -> None:
        """What the provider says to the attempts for this text, in order."""
        self.scripts[text] += answers

    def times(self, text: str) -> list[float]:
        """Monotonic seconds of every attempt for this text."""
        return [moment for called, _, moment in self.calls if called == text]

    def transmitter(self) -> "ScriptedProvider":
        return self

    def limits(self, delivery: Delivery) -> Limits:
        return self._limits(delivery) if callable(self._limits) else self._limits

    async def send(self, delivery: Delivery) -> Reply:
        text = delivery.text or ""
        self.calls.append((text, delivery.address, time.monotonic()))
        self.sending.set()
        await self.may_answer.wait()
        answer: Answer = self.scripts[text].pop(0) if self.scripts[text] else Sent("1")
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    async def close(self) -> None:
        pass


def sender_settings(url: str, **changes: str) -> Settings:
    """Settings of a quick sender: one lane, retries after a second, probes after a second."""
    given = {
        "amqp_url": url,
        "telegram_lanes": "high:1,normal:1,bulk:1",
        "retry_delays": "1s,1s",
        "probe_interval_s": "1",
        "stop_timeout_s": "5",
    } | changes
    return load_settings({f"GATEWAY_{name.upper()}": text for name, text in given.items()})


@contextlib.asynccontextmanager
async def running_sender(
    channel: Provider, url: str, **changes: str
) -> AsyncIterator[asyncio.Event]:
    """Run a whole sender process's work in this loop; yields the event that stops it."""
    stopping = asyncio.Event()
    task = asyncio.create_task(run_sender(channel, sender_settings(url, **changes), stopping))
    try:
        yield stopping
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)

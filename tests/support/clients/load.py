"""A steady load of notifications, and when the API refused one."""

import itertools
import threading
import time
from typing import Self

import httpx

from common.channels import CHANNELS, Channel
from deploy.local.stack import sandbox_address
from tests.support.polling import until
from tests.support.processes.running import Client

ANSWERED_WITHIN_S = 9.0  # the API takes 5 s at most; the rest is for a machine that is busy

_numbers = itertools.count(1)


class Load:
    """POSTs `rate` notifications a second, to each channel in turn, until the block is left.

    Every one goes to a recipient of its own, in all loads of this process, so what the providers
    have tells what is lost.
    """

    def __init__(self, gateway: Client, rate: float = 30) -> None:
        self._gateway = gateway
        self._pause_s = 1 / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self.accepted: set[tuple[str, str]] = set()
        """Channel and recipient of what was answered with 202."""
        self.refused_at: list[float] = []
        self.codes: set[str] = set()
        self.longest_s = 0.0
        self._accepted_in_a_row = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def outage_s(self, since: float, steady: int = 50) -> float:
        """Wait for `steady` accepted without a refusal; seconds from `since` to the last refusal.

        0 when none was refused. since: a moment of `time.monotonic`.
        """
        self._accepted_in_a_row = 0
        until(lambda: self._accepted_in_a_row >= steady, 90)
        last = self.refused_at[-1] if self.refused_at else since
        return max(0.0, last - since)

    def missing(self) -> set[tuple[str, str]]:
        """What was accepted and has not reached its provider."""
        return self.accepted - {(m["channel"], m["recipient"]) for m in self._gateway.inbox()}

    def _run(self) -> None:
        for number in _numbers:
            if self._stopping.wait(self._pause_s):
                return
            channel = CHANNELS[number % len(CHANNELS)]
            self._post(channel, self._recipient(channel, number))

    def _recipient(self, channel: str, number: int) -> str:
        if channel == Channel.EMAIL:
            return f"{number}@example.com"
        if channel == Channel.WEBHOOK:
            return f"{sandbox_address(Channel.WEBHOOK, self._gateway.providers_url)}/{number}"
        return str(number)

    def _post(self, channel: str, recipient: str) -> None:
        began = time.monotonic()
        code = self._answer(channel, recipient)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if code is None:
            self.accepted.add((channel, recipient))
            self._accepted_in_a_row += 1
        else:
            self._accepted_in_a_row = 0
            self.refused_at.append(time.monotonic())
            self.codes.add(code)

    def _answer(self, channel: str, recipient: str) -> str | None:
        """None for a 202, else what came instead."""
        try:
            answer = self._gateway.post(f"{channel}:{recipient}", text=f"hello {recipient}")
        except httpx.TransportError as error:
            return type(error).__name__
        return None if answer.status_code == 202 else str(answer.json()["code"])

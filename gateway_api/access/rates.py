"""How often a key may send: counted over a sliding window, by this process or by all in Redis.

What is counted is requests that send, whatever becomes of them. Redis is waited for half a second;
while it is away every process counts those it gets, so nobody waits and nobody is refused for its
sake.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

from common.http.problems import Problem
from common.logs import get_logger
from common.settings import Rate
from common.watching import metrics
from gateway_api.access.caller import Caller
from gateway_api.access.window import Count, Windows

log = get_logger(__name__)

_ANSWER_S: Final = 0.5
_AWAY_S: Final = 5.0  # so long after a failure Redis is not asked again
_NONE: Final[Mapping[str, str]] = {}


class Rates:
    """Counts requests of keys that have a rate. url: of Redis, or None to count here alone."""

    def __init__(self, url: SecretStr | None) -> None:
        self._alone = Windows()
        self._together = None
        if url is not None:
            from gateway_api.access.shared_rates import SharedRates  # its libraries take 10 MB

            self._together = SharedRates(url)
        self._ask_again_at = -math.inf

    async def count(self, caller: Caller) -> Mapping[str, str]:
        """Count one request; the headers that tell how the key stands. Raises Problem."""
        if caller.rate is None or caller.owner is None:
            return _NONE
        counted = await self._count(caller.rate, caller.owner)
        headers = _headers(caller.rate, counted)
        if not counted.is_within:
            wait_s = max(1, counted.reset_s)
            raise Problem(
                "rate_limited",
                f"this key may send {_words(caller.rate)}; the next may come in {wait_s} s",
                headers={**headers, "Retry-After": str(wait_s)},
            )
        return headers

    async def close(self) -> None:
        """Let go of Redis."""
        if self._together is not None:
            await self._together.close()

    async def _count(self, rate: Rate, owner: str) -> Count:
        if self._together is not None and time.monotonic() >= self._ask_again_at:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    counted = await self._together.count(rate, owner)
            except OSError as error:  # a TimeoutError is one
                self._leave(error)
            else:
                self._return()
                return counted
        if self._together is not None:
            metrics.RATES_ALONE.inc()
        return self._alone.count(rate, owner)

    def _leave(self, error: Exception) -> None:
        if self._ask_again_at == -math.inf:
            why = str(error) or f"no answer within {_ANSWER_S:g} s"
            log.warning("Redis is away: each process counts requests by itself", detail=why)
        self._ask_again_at = time.monotonic() + _AWAY_S

    def _return(self) -> None:
        if self._ask_again_at != -math.inf:
            log.info("Redis counts requests again")
        self._ask_again_at = -math.inf


def _headers(rate: Rate, counted: Count) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers-11 has them."""
    return {
        "RateLimit-Policy": f'"key";q={rate.count:.0f};w={rate.per_s:.0f}',
        "RateLimit": f'"key";r={counted.remaining};t={counted.reset_s}',
    }


def _words(rate: Rate) -> str:
    return f"{rate.count:.0f} requests in {rate.per_s:.0f} s"

"""Requests counted in Redis, for all replicas together; loaded only where its URL is set."""

import math
import time
from functools import lru_cache
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from pydantic import SecretStr
from redis.asyncio import BlockingConnectionPool

from common.settings import Rate
from gateway_api.access.window import Count

_CONNECTIONS: Final = 8  # of one process: a burst waits for these instead of opening more
_CONNECT_S: Final = 1.0


class SharedRates:
    """Counts as Windows does, for every process that has the same URL."""

    def __init__(self, url: SecretStr) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url.get_secret_value(),
            max_connections=_CONNECTIONS,
            timeout=_CONNECT_S,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_CONNECT_S,
        )
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(
            f"async+{url.get_secret_value()}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="gateway",
            **options,
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def count(self, rate: Rate, owner: str) -> Count:
        """Count one request. Raises OSError while Redis is away."""
        item = _item(rate)
        try:
            is_within = await self._limiter.hit(item, owner)
            stats = await self._limiter.get_window_stats(item, owner)
        except StorageError as error:
            raise ConnectionError(str(error)) from error
        reset_s = math.ceil(max(0.0, stats.reset_time - time.time()))
        return Count(is_within, stats.remaining if is_within else 0, reset_s)

    async def close(self) -> None:
        """Let go of Redis."""
        await self._pool.disconnect(inuse_connections=True)


@lru_cache(maxsize=1024)
def _item(rate: Rate) -> RateLimitItem:
    return RateLimitItemPerSecond(int(rate.count), int(rate.per_s))

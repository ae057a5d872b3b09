"""How every process of ours starts: settings, logs, clear sentences, SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from common.errors import GatewayError
from common.logs import configure_logs, get_logger
from common.settings import Settings, load_settings, unknown_settings

log = get_logger(__name__)


def run_process(name: str, main: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> int:
    """Load settings, run `main(settings, stopping)` until it returns, and give the exit code.

    `stopping` is set by SIGTERM and SIGINT. A GatewayError ends in its sentence on stderr and 1.
    """
    try:
        settings = load_settings()
        configure_logs(settings, name)
        for sentence in unknown_settings():
            log.warning("unknown setting", detail=sentence)
        asyncio.run(_until_stopped(settings, main))
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


async def _until_stopped(
    settings: Settings, main: Callable[[Settings, asyncio.Event], Awaitable[None]]
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await main(settings, stopping)

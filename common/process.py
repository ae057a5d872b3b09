"""How every process of ours starts and ends: settings, logs, clear sentences, signals."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from common.errors import SETTINGS_EXIT_CODE, GatewayError, NotNowError, SettingsError
from common.given import has_env_file, passed_over
from common.logs import configure_logs, get_logger
from common.settings import Settings, load_settings, unknown_settings
from common.watching.redaction import hide
from common.watching.tracing import start_tracing, stop_tracing

log = get_logger(__name__)


def run_process(name: str, main: Callable[[Settings], None]) -> int:
    """Load settings, set up logs, run `main(settings)`, and give the exit code.

    A GatewayError ends in its sentence on stderr and 1, in SETTINGS_EXIT_CODE when it lasts; what
    nobody reads is logged.
    """
    fill_standard_streams()
    try:
        settings = load_settings()
        configure_logs(settings, name)
        for sentence in unknown_settings():
            log.warning("unknown setting", detail=sentence)
        for sentence in passed_over():
            log.warning("unreadable line", detail=sentence)
        start_tracing(settings, name)
        try:
            main(settings)
        finally:
            stop_tracing()
    except GatewayError as error:
        for sentence in str(error).splitlines():
            print(f"gateway: {hide(sentence)}", file=sys.stderr)
        return SETTINGS_EXIT_CODE if _is_lasting(error) else 1
    return 0


def fill_standard_streams() -> None:
    """Put the null device where stdin, stdout or stderr is closed.

    A socket would get its number, and libuv ends a process that closes one of such a number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)  # None where it was closed
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def run_on_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run it to its end on uvloop, the event loop of the API and the console too."""
    import uvloop  # not above: the parent of an API's workers has no use for its memory

    uvloop.run(main)


def leave_what_stays_to_itself() -> None:
    """Keep what is there now, code above all, out of the garbage collector's full rounds.

    Each of them would take 0.05 to 0.15 s.
    """
    gc.collect()
    gc.freeze()


def _is_lasting(error: GatewayError) -> bool:
    """Whether the text of the settings alone decides it, so that every other start ends the same.

    Nothing lasts that `.env` takes part in: it may have been read while it was half saved.
    """
    is_by_text = isinstance(error, SettingsError) and not isinstance(error, NotNowError)
    return is_by_text and not has_env_file()


def stop_event() -> asyncio.Event:
    """An event of the running loop that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping

"""Structured logs: constant event text, values as fields, no recipients, bodies or tokens.

What is secret is hidden in each line as it is written (`common/watching/redaction.py`), whatever a
library or a traceback says.
"""

import contextlib
import logging
import sys
import threading
from io import StringIO
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger

from common.channels import FACTS
from common.settings import Settings
from common.watching.redaction import hide
from common.watching.request_ids import current_request

# httpx writes request URLs, and Telegram's hold the token; urllib3 quotes a provider's headers as
# they came; the others repeat what we log ourselves.
_TOO_TALKATIVE = {
    "httpx": logging.WARNING,
    "urllib3": logging.ERROR,
    "httpcore": logging.WARNING,
    "aiormq": logging.CRITICAL,
    "aio_pika": logging.CRITICAL,
    "pika": logging.CRITICAL,
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
    "opentelemetry": logging.ERROR,
    **{name: logging.WARNING for facts in FACTS.values() for name in facts.loggers},
}


class _Lines:
    """Writes what is ready to be read, past the standard library's logging: a third of its time.

    A line that cannot be written is lost, as it is there: nothing fails because of its log.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one event, at once."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def configure_logs(settings: Settings, process: str) -> None:
    """Send every log line of this process to stderr, stamped with the process's name.

    Lines are JSON, or coloured text on a terminal, as `log_format` says. Libraries that log
    through the standard library come out in the same form.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
        _stamp(process),
    ]
    renderers = _renderers(settings)
    structlog.configure(
        processors=[*shared, *renderers],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    _log_what_nobody_catches()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name, quietest in _TOO_TALKATIVE.items():
        logging.getLogger(name).setLevel(quietest)


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of one module: `log.info("delivery sent", delivery=id)`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _log_what_nobody_catches() -> None:
    """Python would write its traceback to stderr as it is."""
    log = get_logger(__name__)

    def hook(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, at)
        else:
            log.critical("process failed", exc_info=(kind, error, at))

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        error = failed.exc_value or failed.exc_type()
        log.critical("thread failed", exc_info=(failed.exc_type, error, failed.exc_traceback))

    sys.excepthook, threading.excepthook = hook, in_thread


def _add_request(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    if (request_id := current_request()) is not None:
        event.setdefault("request_id", request_id)
    return event


def _stamp(process: str) -> Any:
    def add_process(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["process"] = process
        return event

    return add_process


def _renderers(settings: Settings) -> list[Any]:
    people = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    if people:
        return [_hiding(structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback))]
    json = structlog.processors.JSONRenderer()
    return [structlog.processors.format_exc_info, _hiding(json)]


def _hiding(render: Any) -> Any:
    def render_hiding(logger: Any, method: str, event: Any) -> str:
        return hide(render(logger, method, event))

    return render_hiding


# Local variables hold recipients, texts and tokens; by default they would be printed.
_in_colours = structlog.dev.RichTracebackFormatter(show_locals=False)


def _write_traceback(out: TextIO, failure: Any) -> None:
    """In colours, or plainly where the lines of those would cut a secret in two."""
    drawn, plain = StringIO(), StringIO()
    structlog.dev.plain_traceback(plain, failure)
    if plain.getvalue() == hide(plain.getvalue()):
        _in_colours(drawn, failure)
    out.write(drawn.getvalue() or plain.getvalue())

"""Structured logs: constant event text, values as fields, no recipients, bodies or tokens."""

import logging
import sys
from typing import Any

import structlog

from common.channels import FACTS
from common.settings import Settings

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
    "opentelemetry": logging.ERROR,
    **{name: logging.WARNING for facts in FACTS.values() for name in facts.loggers},
}


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
        _stamp(process),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name, level in _TOO_TALKATIVE.items():
        logging.getLogger(name).setLevel(level)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module: `log.info("delivery sent", delivery=id)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


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
        # Local variables hold recipients, texts and tokens; by default they would be printed.
        tracebacks = structlog.dev.RichTracebackFormatter(show_locals=False)
        return [structlog.dev.ConsoleRenderer(exception_formatter=tracebacks)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]

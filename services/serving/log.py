"""Structured logs: one JSON object a line on standard error, or coloured text on a terminal."""

import logging
import sys
from typing import Any

import structlog

from serving.call import current_call


def configure_logging(service: str, level: str = "INFO", json: bool | None = None) -> None:
    """Set up structlog and the standard library's logging for this process."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback  # never with locals: they hold prompts and keys
        )
    )
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else _unchanged,
    ]
    structlog.configure(
        processors=[_add_call(service), *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=[_add_call(service), *shared],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(
        handlers=[handler], level=max(logging.WARNING, logging.getLevelNamesMapping()[level]), force=True
    )


def _add_call(service: str) -> Any:
    def add(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        if request_id := current_call().request_id:
            event.setdefault("request_id", request_id)
        return event

    return add


def _unchanged(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    return event

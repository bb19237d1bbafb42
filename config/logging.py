"""The log of every process: events with fields, as aligned text or as JSON, with secrets masked."""

import logging.config
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor

from config.settings import LogSettings, WrongSettingsError, read_settings

MASK = "***"

_SECRET_NAMES = re.compile(
    r"(?i)password|passwd|pwd|api_?key|token|authorization|cookie|session|secret|credential"
)
_SECRET_VALUES = (
    re.compile(r"gAAAA[\w-]{40,}=*"),  # a value encrypted by Fernet
    re.compile(r"(?<=://)[^\s:/@?#]*:[^\s'\"]{1,200}(?=@)"),  # in a URL; a raw password may have / and @
    re.compile(r"(?i)(?<=[?&]password=)[^\s&'\"]+"),
    re.compile(r"(?<=/webhooks/moment/)[\w-]+"),  # the token of a webhook URL, which needs no other secret
    re.compile(r"(?<=/sign-in/link/)[\w-]+"),
    re.compile(r"(?<=\bm24_)[\w-]{20,}"),  # an API token
    re.compile(r"\$argon2\w*\$[^\s'\",)]+"),
    re.compile(r"(?s)(?<=Failing row contains \().*(?=\))"),  # PostgreSQL quotes the row that it rejects
    re.compile(r"(?<=Key \()[^)]*\)=\(.*(?=\))"),
)

_EVENT_WIDTH = 24
_WARNINGS_ONLY = (
    "alembic",
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "kombu",
    "tornado.access",
    "uvicorn.access",
)


def configure(shape: Literal["text", "json"], *, level: str) -> None:
    """Write events of this process and of its libraries to stderr, those of ``level`` and above."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common_processors(shape),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"event": {"()": lambda: _formatter(shape)}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error")},
                **{name: {"handlers": [], "level": "WARNING"} for name in _WARNINGS_ONLY},
            },
        }
    )


def configure_command() -> None:
    """Configure the log of a command, unless its settings are wrong: a command that needs some reports that."""
    with suppress(WrongSettingsError):
        settings = read_settings(LogSettings)
        configure(settings.log_format, level=settings.log_level)


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Mask values that may be secret, recognized by the name of their field, their type or their form."""
    return {name: _mask(name, value) for name, value in event.items()}


def _mask(name: str, value: object) -> object:
    if isinstance(value, SecretStr) or (value and _SECRET_NAMES.search(name)):
        return MASK
    if isinstance(value, dict):
        return {key: _mask(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask("", inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    for pattern in _SECRET_VALUES:
        text = pattern.sub(MASK, text)
    return text


def _formatter(shape: str) -> logging.Formatter:
    json = structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common_processors(shape),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            json if shape == "json" else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=_EVENT_WIDTH),
        ],
    )


def _common_processors(shape: str) -> Sequence[Processor]:
    """Return the processors for our events and those of libraries. Text shows local time, JSON UTC."""
    json = shape == "json"
    return (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso" if json else "%Y-%m-%d %H:%M:%S", utc=json),
    )

"""The Celery app of beat: schedule, broker and PostgreSQL's clock. It sends tasks by name and has no key."""

import logging
from datetime import datetime
from functools import cache

from celery import signals

from config.logging import configure
from config.settings import BeatSettings
from models.database import Database
from worker.celery_base import SharedClockApp, base_configuration, settings_or_exit
from worker.clock import Clock, host_clock, monotonic
from worker.schedule import beat_schedule


@cache
def _settings() -> BeatSettings:
    return settings_or_exit(BeatSettings)


@cache
def _shared_clock() -> Clock:
    database = Database(_settings().database_url, pool_size=1)
    return Clock(database.server_time, wall=host_clock, monotonic=monotonic)


def shared_now() -> datetime:
    """Return the present instant of the clock that hosts share."""
    return _shared_clock()()


app = SharedClockApp(shared_now=shared_now)
app.add_defaults(
    lambda: {**base_configuration(_settings()), "beat_schedule": beat_schedule(_settings(), now=shared_now)}
)


@signals.setup_logging.connect
def _log(**_: object) -> None:
    configure(_settings().log_format, level=_settings().log_level)
    logging.getLogger("celery.beat").addFilter(_shorten)


def _shorten(record: logging.LogRecord) -> bool:
    """Shorten the traceback that beat logs whenever Redis is down to one line."""
    if record.exc_info and isinstance(record.args, tuple):
        record.msg, record.args, record.exc_info = "%s", record.args[:1], None
    return True

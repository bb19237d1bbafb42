"""The Celery app of beat: it has the schedule, the broker and PostgreSQL's clock, and no encryption key.

It sends messages by task name, so it loads neither the tasks nor what they need.
"""

import logging
from datetime import datetime
from functools import cache

from celery import Celery, signals

from config.logging import configure
from config.settings import BeatSettings, WrongSettingsError, read_settings
from models.database import Database
from worker.clock import Clock, host_clock, monotonic
from worker.queues import QUEUE_OF, broker_configuration
from worker.schedule import beat_schedule


@cache
def _settings() -> BeatSettings:
    """Read the settings, or exit with a sentence: Celery would print a traceback, or start without them."""
    try:
        return read_settings(BeatSettings)
    except WrongSettingsError as error:
        raise SystemExit(f"Error: {error}") from None


@cache
def _shared_clock() -> Clock:
    database = Database(_settings().database_url, pool_size=1)
    return Clock(database.server_time, wall=host_clock, monotonic=monotonic)


def shared_now() -> datetime:
    """Return the present instant of the clock that hosts share."""
    return _shared_clock()()


class Beat(Celery):
    """Lets messages expire by the clock that hosts share, so that a wrong host clock stops no sweep."""

    def now(self) -> datetime:
        """Return the present instant; Celery would use the host's clock."""
        return shared_now()


app = Beat("moment24", set_as_current=False)
app.add_defaults(
    lambda: {
        **broker_configuration(_settings().redis_url.get_secret_value()),
        "task_routes": {task: {"queue": queue} for task, queue in QUEUE_OF.items()},
        "beat_schedule": beat_schedule(_settings(), now=shared_now),
    }
)


@signals.setup_logging.connect
def _log(**_: object) -> None:
    configure(_settings().log_format, level=_settings().log_level)
    logging.getLogger("celery.beat").addFilter(_briefly)


def _briefly(record: logging.LogRecord) -> bool:
    """Shorten the traceback that beat logs whenever Redis is down to one line."""
    if record.exc_info and isinstance(record.args, tuple):
        record.msg, record.args, record.exc_info = "%s", record.args[:1], None
    return True

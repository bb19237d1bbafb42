"""The Celery app. Messages are wake-ups: the work and its due times are in PostgreSQL.

So there are no results, and no ETA, countdown or retry of Celery, which Redis would repeat. Tasks run on threads,
since they mostly wait for remote systems. Celery cannot limit threads, so every call has its own time-out, and a
soft shutdown would only sleep. After SIGTERM, a worker ends when its running batches are done. If it is killed
before, other workers take over its lanes when the leases expire.
"""

import logging
from datetime import datetime
from importlib import import_module
from typing import Any

import structlog
from celery import Celery, Task, signals
from redis.exceptions import RedisError

from config.logging import configure
from config.settings import Settings, WrongSettingsError, read_settings
from models.connections.repository import UnknownConnectionError
from models.database import DatabaseUnavailableError
from worker.container import get_container
from worker.queues import QUEUE_OF, broker_configuration

log = structlog.get_logger()

EXPECTED_ERRORS = (DatabaseUnavailableError, RedisError, UnknownConnectionError)
"""Errors that a task only logs: beat dispatches again, so nothing is lost."""


def configuration(settings: Settings) -> dict[str, Any]:
    return {
        **broker_configuration(settings.redis_url.get_secret_value()),
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_routes": {task: {"queue": queue} for task, queue in QUEUE_OF.items()},
        "task_annotations": {"*": {"throws": EXPECTED_ERRORS}},
        "worker_pool": "worker.consumer:TaskPool",
        "worker_concurrency": settings.worker_threads,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,  # for Flower
    }


def _settings() -> Settings:
    """Read the settings, or exit with a sentence: Celery would print a traceback, or start without them."""
    try:
        return read_settings(Settings)
    except WrongSettingsError as error:
        raise SystemExit(f"Error: {error}") from None


def shared_now() -> datetime:
    """Return the present instant of the clock that hosts share."""
    return get_container().shared_clock()


class App(Celery):
    """Lets messages expire by the clock that hosts share, so that a wrong host clock stops no sweep."""

    def now(self) -> datetime:
        """Return the present instant; Celery would use the host's clock."""
        return shared_now()


class SharedClockTask(Task[..., None]):
    """A task whose messages are handled as :class:`~worker.consumer.SharedClockRequest`."""

    Request = "worker.consumer:SharedClockRequest"


app = App("moment24", task_cls=SharedClockTask, set_as_current=False)
app.add_defaults(lambda: configuration(_settings()))  # read when first needed, not on import


@signals.setup_logging.connect
def _log(**_: object) -> None:
    settings = _settings()
    configure(settings.log_format, level=settings.log_level)
    # Whenever it loses its connection, Celery warns about its next version.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


@signals.worker_init.connect
def _worker_started(**_: object) -> None:
    import_module("worker.consumer").prepare(app)  # not needed by beat and by senders

"""The Celery app. Messages are wake-ups: what is to be done, and when, stands in PostgreSQL.

So there are no results, and no ETA, countdown or retry of Celery's own, which Redis would repeat. Tasks run on
threads, since they wait for remote systems most of the time. Celery sets no limits to threads, so every call has a
time-out of its own; nor can it cut them short, so its soft shutdown would only sleep. SIGTERM ends a worker when
the batches in hand are done; one that is killed before that has its lanes taken over when its leases run out.
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
"""Troubles of a task that are a line in the log and no more: beat comes round again, so nothing is lost."""


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
    """Read the settings, or end with a sentence: Celery would tell a stack, or start without them."""
    try:
        return read_settings(Settings)
    except WrongSettingsError as error:
        raise SystemExit(f"Error: {error}") from None


def shared_now() -> datetime:
    """Return the instant by the clock that hosts share."""
    return get_container().shared_clock()


class App(Celery):
    """Tells when messages expire by the clock that hosts share: a wrong one ends no sweep."""

    def now(self) -> datetime:
        """Return the present instant; Celery's own is that of the host."""
        return shared_now()


class SharedClockTask(Task[..., None]):
    """A task whose messages are taken as such."""

    Request = "worker.consumer:SharedClockRequest"


app = App("moment24", task_cls=SharedClockTask, set_as_current=False)
app.add_defaults(lambda: configuration(_settings()))  # read when it is first needed, not when this is imported


@signals.setup_logging.connect
def _log(**_: object) -> None:
    settings = _settings()
    configure(settings.log_format, level=settings.log_level)
    # Celery warns of what its next version will do whenever it loses its connection.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


@signals.worker_init.connect
def _worker_started(**_: object) -> None:
    import_module("worker.consumer").prepare(app)  # beat and those who send messages do without

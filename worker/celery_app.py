"""The Celery app. Messages are wake-ups: the work, and its due times, are in PostgreSQL.

So there are no results, and no ETA, countdown or retry of Celery, which Redis would repeat. Tasks mostly wait for
remote systems, so they run on threads. Celery cannot limit a thread's time, so each call has its own timeout.
After SIGTERM, a worker ends when its batches are done. If it is killed, its lanes are taken over when the leases
expire.
"""

import logging
from importlib import import_module
from typing import Any

import structlog
from celery import Task, signals
from redis.exceptions import RedisError

from config.logging import configure
from config.settings import Settings
from models.connections.repository import UnknownConnectionError
from models.database import DatabaseUnavailableError
from worker.celery_base import SharedClockApp, base_configuration, settings_or_exit
from worker.container import get_container

log = structlog.get_logger()

EXPECTED_ERRORS = (DatabaseUnavailableError, RedisError, UnknownConnectionError)
"""Errors that a task only logs: beat dispatches again, so nothing is lost."""


def configuration(settings: Settings) -> dict[str, Any]:
    return {
        **base_configuration(settings),
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_annotations": {"*": {"throws": EXPECTED_ERRORS}},
        "worker_pool": "worker.consumer:TaskPool",
        "worker_concurrency": settings.worker_threads,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,  # for Flower
    }


class SharedClockTask(Task[..., None]):
    """A task whose messages are handled as :class:`~worker.consumer.SharedClockRequest`."""

    Request = "worker.consumer:SharedClockRequest"


app = SharedClockApp(shared_now=lambda: get_container().shared_clock(), task_cls=SharedClockTask)
app.add_defaults(lambda: configuration(settings_or_exit(Settings)))  # read when first needed, not on import


@signals.setup_logging.connect
def _log(**_: object) -> None:
    settings = settings_or_exit(Settings)
    configure(settings.log_format, level=settings.log_level)
    # Celery warns about its next version whenever it loses its connection.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


@signals.worker_init.connect
def _worker_started(**_: object) -> None:
    import_module("worker.consumer").prepare(app)  # not needed by beat and by senders

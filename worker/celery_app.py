"""The Celery app. Messages are wake-ups: what is to be done, and when, stands in PostgreSQL.

So there are no results, and no ETA, countdown or retry of Celery's own, which Redis would repeat. Tasks run on
threads, since they wait for remote systems most of the time. Celery sets no limits to threads, so every call has a
time-out of its own; nor can it cut them short, so its soft shutdown would only sleep. SIGTERM ends a worker when
the batches in hand are done; one that is killed before that has its lanes taken over when its leases run out.
"""

import gc
import logging
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any, Literal

import structlog
from celery import Celery, Task, signals
from celery.bootsteps import StartStopStep
from celery.worker.request import Request
from celery.worker.state import revoked
from redis.exceptions import RedisError

from config.logging import configure
from config.settings import Settings, WrongSettingsError, read_settings
from models.connections.repository import UnknownConnectionError
from models.database import DatabaseUnavailableError
from worker import heartbeat
from worker.container import get_container
from worker.observability.metrics import serve
from worker.queues import QUEUE_OF, ChannelsBeside, broker_configuration

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
        "worker_pool": "worker.queues:TaskPool",
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


class SharedClockRequest(Request):
    """A message in a worker's hands, which expires by the clock that hosts share."""

    def maybe_expire(self) -> Literal[True] | None:
        """Return whether it came too late; PostgreSQL is asked only if it seems so, in Celery's own thread."""
        shared_clock, expires = get_container().shared_clock, self.expires
        if expires is None or shared_clock.at_hand() <= expires or shared_clock() <= expires:
            return None
        revoked.add(self.id)
        return True


class SharedClockTask(Task[..., None]):
    """A task whose messages are taken as such."""

    Request = "worker.celery_app:SharedClockRequest"


class SignOfLife(StartStopStep):
    """Gives the worker's sign of life in the loop that takes messages: there is none where that stands still.

    A worker that is to end leaves the loop, and gives one that lasts while it finishes what it has in hand.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    _repeated: Any = None

    def start(self, worker: Any) -> None:  # noqa: ANN401 - celery.worker.consumer.Consumer, of which there are no types
        record = partial(heartbeat.record_worker, get_container().redis)
        record()
        self._repeated = worker.timer.call_repeatedly(heartbeat.WORKER_SECONDS, record)

    def stop(self, worker: Any) -> None:  # noqa: ANN401, ARG002 - as above
        if self._repeated:
            self._repeated.cancel()
        container = get_container()
        heartbeat.record_worker(container.redis, seconds=container.settings.lease_seconds)


_running: dict[str, ExitStack] = {}
"""What surrounds each task that runs, by its id: Celery tells when one begins and when it ends."""

app = App("moment24", task_cls=SharedClockTask, include=["worker.tasks"], set_as_current=False)
app.steps["consumer"].add(ChannelsBeside)
app.steps["consumer"].add(SignOfLife)
app.add_defaults(lambda: configuration(_settings()))  # read when it is first needed, not when this is imported


@signals.setup_logging.connect
def _log(**_: object) -> None:
    settings = _settings()
    configure(settings.log_format, level=settings.log_level)
    # Celery warns of what its next version will do whenever it loses its connection.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)


@signals.worker_init.connect
def _worker_started(**_: object) -> None:
    settings = get_container().settings  # made before there are threads
    get_container().warn_of_lax_settings()
    gc.freeze()  # what is loaded stays; to look through it for garbage would stop all threads
    if settings.worker_metrics_port:
        try:
            serve(get_container().metrics, port=settings.worker_metrics_port)
        except OSError as error:
            log.error("metrics_not_served", port=settings.worker_metrics_port, because=str(error))  # noqa: TRY400 - no bug of ours


@signals.task_prerun.connect
def _task_started(task_id: str, task: Task[..., None], **_: object) -> None:
    surrounding = _running[task_id] = ExitStack()
    traceparent = task.request.get("traceparent")
    after = {"traceparent": str(traceparent)} if traceparent else {}
    surrounding.enter_context(
        get_container().instrumentation.running(str(task.name), task_id=task_id, after=after)
    )


@signals.task_postrun.connect
def _task_finished(task_id: str, **_: object) -> None:
    _running.pop(task_id, ExitStack()).close()


@signals.task_failure.connect
def _log_failure(sender: Task[..., None], exception: Exception, args: list[object], **_: object) -> None:
    if isinstance(exception, EXPECTED_ERRORS):  # Celery reports the others
        cause = str(exception.__cause__ or exception).partition("\n")[0]
        log.warning("task_aborted", task=sender.name, args=args, because=str(exception), cause=cause)

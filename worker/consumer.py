"""What only a worker has: tasks, their threads and channels, and a heartbeat."""

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import Any, Literal, TypeAlias

import structlog
from celery import Celery, Task, signals
from celery.bootsteps import StartStopStep
from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult  # type: ignore[attr-defined]  # missing from its types
from celery.concurrency.thread import TaskPool as ThreadsPool
from celery.worker.request import Request
from celery.worker.state import revoked
from kombu.common import ignore_errors

from worker import heartbeat
from worker.celery_app import EXPECTED_ERRORS
from worker.container import get_container
from worker.observability.metrics_server import serve
from worker.queues import LANES, QUEUE_OF, threads_per_queue

log = structlog.get_logger()

Function: TypeAlias = Callable[..., Any]
Consumer: TypeAlias = Any  # celery.worker.consumer.Consumer, which is untyped


class TaskPool(ThreadsPool):
    """Celery's thread pool for lanes, with separate threads for each of the other queues."""

    def __init__(self, limit: int, **options: object) -> None:
        super().__init__(limit, **options)
        self._executors = {
            queue: ThreadPoolExecutor(threads, queue) for queue, threads in threads_per_queue(limit).items()
        }

    def on_apply(
        self,
        target: Function,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Function | None = None,
        accept_callback: Function | None = None,
        **options: object,
    ) -> ApplyResult:
        """Hand a task, whose name is first in ``args``, to the threads of its queue."""
        executor = self._executors.get(QUEUE_OF.get(args[0], LANES)) if args else None
        if executor is None:
            return super().on_apply(target, args, kwargs, callback, accept_callback, **options)
        return ApplyResult(executor.submit(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Let running tasks finish; those not yet started return to their queue."""
        for executor in self._executors.values():
            executor.shutdown(wait=False, cancel_futures=True)
        super().on_stop()
        for executor in self._executors.values():
            executor.shutdown()


class QueueChannels(StartStopStep):
    """Receives the lanes' messages on the worker's own channel, and each other queue's on a separate one."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, worker: Consumer, **options: object) -> None:
        worker.app.amqp.queues.select(LANES)
        self._consumers: list[Any] = []
        super().__init__(worker, **options)

    def start(self, worker: Consumer) -> None:
        """Start receiving messages, at most as many as there are threads."""
        self._consumers = []
        for queue, threads in threads_per_queue(worker.pool.num_processes).items():
            channel = worker.connection.channel()
            channel.basic_qos(0, threads, False)  # noqa: FBT003 - AMQP's arguments
            consumer = worker.app.amqp.TaskConsumer(
                channel, queues=[worker.app.amqp.queues[queue]], on_decode_error=worker.on_decode_error
            )
            consumer.on_message = worker.create_task_handler()
            consumer.consume()
            self._consumers.append(consumer)

    def stop(self, worker: Consumer) -> None:
        """Stop receiving messages; those of running tasks can still be acknowledged."""
        for consumer in self._consumers:
            ignore_errors(worker, consumer.cancel)

    def shutdown(self, worker: Consumer) -> None:
        """Return the messages that were not acknowledged."""
        for consumer in self._consumers:
            if consumer.channel:
                ignore_errors(worker, consumer.channel.close)


class SharedClockRequest(Request):
    """A message received by a worker; it expires by the clock that hosts share."""

    def maybe_expire(self) -> Literal[True] | None:
        """Return whether it has expired; PostgreSQL is asked only if it seems so, in Celery's own thread."""
        shared_clock, expires = get_container().shared_clock, self.expires
        if expires is None or shared_clock.extrapolated() <= expires or shared_clock() <= expires:
            return None
        revoked.add(self.id)
        return True


class WorkerHeartbeat(StartStopStep):
    """Records the worker's heartbeat in the loop that takes messages, so a hanging loop records none.

    A worker that is shutting down records one more, which lasts until its running batches are done.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    _repeated: Any = None

    def start(self, worker: Consumer) -> None:
        record = partial(heartbeat.record_worker, get_container().redis)
        record()
        self._repeated = worker.timer.call_repeatedly(heartbeat.WORKER_SECONDS, record)

    def stop(self, worker: Consumer) -> None:  # noqa: ARG002 - Celery's signature
        if self._repeated:
            self._repeated.cancel()
        container = get_container()
        heartbeat.record_worker(container.redis, seconds=container.settings.lease_seconds)


_running: dict[str, ExitStack] = {}
"""The context of each running task, by its id: Celery signals when one begins and ends."""


def prepare(app: Celery) -> None:
    """Make this process a worker: load its tasks and their dependencies before there are threads."""
    import_module("worker.tasks")
    app.steps["consumer"] |= {QueueChannels, WorkerHeartbeat}
    get_container().load(remote=True)
    settings = get_container().settings
    get_container().warn_about_session_settings()
    gc.freeze()  # loaded modules stay; collecting them would only stop all threads
    if settings.worker_metrics_port:
        try:
            serve(get_container().metrics, port=settings.worker_metrics_port)
        except OSError as error:
            log.error("metrics_not_served", port=settings.worker_metrics_port, because=str(error))  # noqa: TRY400 - not a bug


@signals.task_prerun.connect
def _task_started(task_id: str, task: Task[..., None], **_: object) -> None:
    context = _running[task_id] = ExitStack()
    traceparent = task.request.get("traceparent")
    after = {"traceparent": str(traceparent)} if traceparent else {}
    context.enter_context(get_container().instrumentation.running(str(task.name), task_id=task_id, after=after))


@signals.task_postrun.connect
def _task_finished(task_id: str, **_: object) -> None:
    _running.pop(task_id, ExitStack()).close()


@signals.task_failure.connect
def _log_failure(sender: Task[..., None], exception: Exception, args: list[object], **_: object) -> None:
    if isinstance(exception, EXPECTED_ERRORS):  # Celery reports the others
        cause = str(exception.__cause__ or exception).partition("\n")[0]
        log.warning("task_aborted", task=sender.name, args=args, because=str(exception), cause=cause)

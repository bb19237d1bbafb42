"""Which tasks share threads: what waits for one remote system holds up neither the other one nor beat's own tasks.

The threads that ``worker_threads`` names drain lanes. Polls and operations have half as many beside them, event
receivers have as many again, and the sweep and the mails one each. Every queue has a channel of its own to Redis,
which takes no more messages than the queue has threads: what is over stays in Redis, for another worker or later.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from celery.bootsteps import StartStopStep
from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult  # type: ignore[attr-defined]  # not in its types
from celery.concurrency.thread import TaskPool as ThreadsPool
from kombu import Queue
from kombu.common import ignore_errors
from kombu.utils.url import parse_url

Function: TypeAlias = Callable[..., Any]
Worker: TypeAlias = Any  # celery.worker.consumer.Consumer, of which there are no types

LANES = "sync"
"""The queue of the tasks that drain a lane, and of any that none of the others names."""

TASKS: Mapping[str, Sequence[str]] = {
    "moment_polls": ("poll_moment",),
    "twentyfour_polls": ("poll_expenses",),
    "operations": ("run_operation",),
    "receivers": ("deliver_events",),
    "sweep": ("dispatch_due", "poll_all", "poll_all_expenses"),
    "alerts": ("send_alerts", "send_reminders", "delete_old"),
}
"""The other queues with their tasks."""

QUEUES = (LANES, *TASKS)

QUEUE_OF = {task: queue for queue, tasks in TASKS.items() for task in tasks}


def threads_beside(lane_threads: int) -> Mapping[str, int]:
    """Return how many threads each queue but that of the lanes has."""
    half = lane_threads // 2
    polls_of_moment, others = half // 2, half // 4
    return {
        "moment_polls": max(1, polls_of_moment),
        "twentyfour_polls": max(1, others),
        "operations": max(1, others),
        "receivers": max(2, half),
        "sweep": 1,
        "alerts": 1,
    }


def broker_configuration(redis_url: str) -> dict[str, Any]:
    """Make the settings of Celery by which messages go through Redis."""
    return {
        "broker_url": redis_url,
        "broker_use_ssl": _tls(redis_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_acquire_timeout": 5,
        "broker_transport_options": {
            # A message comes back when its worker has been silent for so long. Nothing depends on it, as beat
            # dispatches what is due; and one that comes while the first still runs finds the lane taken.
            "visibility_timeout": 900,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "max_retries": 1,  # of a sender who finds Redis away; by default there is no end to them
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_queue": LANES,
        "task_queues": [Queue(queue) for queue in QUEUES],
        "task_create_missing_queues": False,
    }


def _tls(redis_url: str) -> dict[str, Any] | None:
    """Return how Celery and Flower verify Redis: as the address says (Flower reads no more of it), else strictly.

    Celery by itself takes every certificate where the address does not say.
    """
    if not redis_url.startswith("rediss:"):
        return None
    said: dict[str, Any] = parse_url(redis_url).get("ssl", {})
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **said}


class TaskPool(ThreadsPool):
    """Celery's pool of threads for lanes, and further threads for each of the other queues."""

    def __init__(self, limit: int, **options: object) -> None:
        super().__init__(limit, **options)
        self._beside = {
            queue: ThreadPoolExecutor(threads, queue) for queue, threads in threads_beside(limit).items()
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
        """Hand a task, whose name comes first in ``args``, to the threads of its queue."""
        executor = self._beside.get(QUEUE_OF.get(args[0], LANES)) if args else None
        if executor is None:
            return super().on_apply(target, args, kwargs, callback, accept_callback, **options)
        return ApplyResult(executor.submit(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Let the tasks that run end; what has not begun goes back into its queue."""
        for executor in self._beside.values():
            executor.shutdown(wait=False, cancel_futures=True)
        super().on_stop()
        for executor in self._beside.values():
            executor.shutdown()


class ChannelsBeside(StartStopStep):
    """Has a worker take the lanes' messages on its own channel, and those of each other queue on one beside it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, worker: Worker, **options: object) -> None:
        worker.app.amqp.queues.select(LANES)
        self._consumers: list[Any] = []
        super().__init__(worker, **options)

    def start(self, worker: Worker) -> None:
        """Begin to take messages, at most as many as there are threads."""
        self._consumers = []
        for queue, threads in threads_beside(worker.pool.num_processes).items():
            channel = worker.connection.channel()
            channel.basic_qos(0, threads, False)  # noqa: FBT003 - as AMQP has it
            consumer = worker.app.amqp.TaskConsumer(
                channel, queues=[worker.app.amqp.queues[queue]], on_decode_error=worker.on_decode_error
            )
            consumer.on_message = worker.create_task_handler()
            consumer.consume()
            self._consumers.append(consumer)

    def stop(self, worker: Worker) -> None:
        """Take no more messages; those of tasks that run may still be acknowledged."""
        for consumer in self._consumers:
            ignore_errors(worker, consumer.cancel)

    def shutdown(self, worker: Worker) -> None:
        """Give back what was not acknowledged."""
        for consumer in self._consumers:
            if consumer.channel:
                ignore_errors(worker, consumer.channel.close)

"""The queues. Tasks that wait for one remote system must not delay those of the other system or of beat.

Every queue has its own channel to Redis, which takes no more messages than the queue has threads: the rest stays
in Redis, for another worker or later.
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from kombu import Queue
from kombu.utils.url import parse_url

LANES = "sync"
"""The queue of the tasks that drain a lane, and of any task that no other queue names."""

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


def threads_per_queue(lane_threads: int) -> Mapping[str, int]:
    """Return the number of threads of each queue other than the lanes', which have ``lane_threads``."""
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
    """Return Celery's settings for sending messages through Redis."""
    return {
        "broker_url": redis_url,
        "broker_use_ssl": _tls(redis_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_acquire_timeout": 5,
        "broker_transport_options": {
            # Redis redelivers a message after its worker has been silent for this long. Nothing depends on it, as
            # beat dispatches due work; a message redelivered while the first one still runs finds the lane leased.
            "visibility_timeout": 900,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "max_retries": 1,  # for a sender while Redis is down; the default is endless
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_queue": LANES,
        "task_queues": [Queue(queue) for queue in QUEUES],
        "task_create_missing_queues": False,
    }


def _tls(redis_url: str) -> dict[str, Any] | None:
    """Return how Celery and Flower verify Redis: as the URL says, otherwise strictly, unlike Celery's default."""
    if not redis_url.startswith("rediss:"):
        return None
    in_url: dict[str, Any] = parse_url(redis_url).get("ssl", {})
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **in_url}

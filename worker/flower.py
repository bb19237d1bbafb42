"""The Celery app of Flower: read only, as URLs that change something are removed, and without secrets."""

import os
import time
from collections import deque
from http import HTTPStatus
from typing import Any

import tornado.web
from celery import Celery
from flower import urls
from flower.api import tasks, workers
from flower.views import BaseHandler, monitor

from config.placeholder import PLACEHOLDER, has_placeholder
from worker.queues import broker_configuration

MAX_GUESSES, GUESS_SECONDS = 10, 900
"""Wrong passwords, of all clients together, before everyone has to wait, and how long each counts."""

READS = {workers.ListWorkers, tasks.ListTasks, tasks.ListTaskTypes, tasks.TaskInfo, tasks.GetQueueLengths}
"""The part of Flower's API that is kept; the rest changes something or shows what we do not store."""

_refused: deque[float] = deque(maxlen=MAX_GUESSES)
_get_current_user = BaseHandler.get_current_user


class Metrics(monitor.Metrics):  # type: ignore[misc]  # Flower has no types
    @tornado.web.authenticated
    async def get(self) -> None:
        await super().get()


def get_current_user(handler: tornado.web.RequestHandler) -> object:
    """Ask for the password as Flower does, unless it was guessed too often. Raises HTTPError: 401 or 429."""
    if len(_refused) == MAX_GUESSES and time.monotonic() - _refused[0] < GUESS_SECONDS:
        raise tornado.web.HTTPError(HTTPStatus.TOO_MANY_REQUESTS)
    try:
        return _get_current_user(handler)
    except (ValueError, TypeError) as error:  # credentials that Flower cannot read, or that are not ASCII
        _refused.append(time.monotonic())
        raise tornado.web.HTTPError(HTTPStatus.UNAUTHORIZED) from error
    except tornado.web.HTTPError:
        if "Authorization" in handler.request.headers:
            _refused.append(time.monotonic())
        raise


def is_kept(handler: type) -> bool:
    return handler in READS or not handler.__module__.startswith("flower.api.")


def configuration() -> dict[str, Any]:
    """Return the app's configuration. Raises SystemExit without a password, as Flower would be open to all."""
    password, redis_url = os.environ.get("FLOWER_BASIC_AUTH", "").partition(":")[2], os.environ["REDIS_URL"]
    if not password or has_placeholder(password):
        raise SystemExit("Flower needs a password of your own: set FLOWER_BASIC_AUTH to user:password.")
    if has_placeholder(redis_url):
        raise SystemExit(f"REDIS_URL still contains the placeholder `{PLACEHOLDER}`; enter your own secret.")
    return broker_configuration(redis_url)


BaseHandler.get_current_user = get_current_user
urls.handlers[:] = [
    ("/metrics", Metrics),
    *(each for each in urls.handlers if is_kept(each[1] if isinstance(each, tuple) else each.handler_class)),
]
app = Celery("moment24", set_as_current=False)
app.add_defaults(configuration)

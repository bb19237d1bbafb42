"""The worker's own app, with one change: it stops once, just before it calls the operation in ``STOPS_AT``."""

import os
import signal
import threading
from typing import Any, cast

from integrations.transport import BoundedAdapter

OPERATION = os.environ["STOPS_AT"].encode()
send, stops = BoundedAdapter.send, iter([signal.SIGSTOP])


def stopping(adapter: BoundedAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
    """Stop just before the call. The lease has just been renewed, so the worker sends at once when it is continued."""
    if OPERATION in (request.body or b"") and (stop := next(stops, None)):
        signal.pthread_kill(threading.get_ident(), stop)  # sent to the process, it might reach this thread later
    return send(adapter, request, *args, **kwargs)


BoundedAdapter.send = cast("Any", stopping)  # type: ignore[method-assign]  # in this process, which is a test's

from worker.celery_app import app  # noqa: E402 - its tasks copy what is prepared here

__all__ = ["app"]

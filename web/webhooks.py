"""Webhooks from Moment: saved in the inbox, accepted, and only then dispatched.

The token is checked in :mod:`models.inbox.webhook_intake`.
"""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta

import structlog
from fastapi import APIRouter, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from models.database import DatabaseUnavailableError
from models.enums import Lane, Record
from models.inbox import webhook_intake, webhook_limit
from web.dependencies import ContainerDep, body_deadline
from web.security.auth import Open
from worker import dispatch
from worker.container import Container

log = structlog.get_logger()
router = APIRouter(dependencies=[Open])

DISPATCH_DEBOUNCE_SECONDS = 0.05
"""The shortest time between two wake-ups of a lane. Webhooks that arrive within it share one wake-up."""

LIMITED_POLL_EVERY = timedelta(minutes=1)
"""Limited webhooks of a connection trigger at most one poll a minute."""

WEBHOOKS_PER_LIMIT_CHECK = 100
"""Each process checks a connection's limit after this many of its webhooks."""

_webhook_counts: Counter[int] = Counter()
_activity_saved_at: dict[tuple[str, Lane], datetime] = {}
_dispatched_at: dict[Lane, float] = {}
"""When the last wake-up of each lane was sent, or will be."""


@router.post("/webhooks/moment/{token}")
async def moment(token: str, request: Request, container: ContainerDep) -> JSONResponse:
    """Enqueue the record that a webhook names. 202 once that is committed, with or without Redis."""
    async with body_deadline():
        body = await request.body()
    try:
        lane = await run_in_threadpool(_enqueue, container, token, body)
    except DatabaseUnavailableError as error:
        container.metrics.webhooks_refused.labels(error.cause).inc()
        log.error("webhook_refused", cause=error.cause, because=str(error))  # noqa: TRY400 - not a bug
        raise
    afterwards = BackgroundTask(_dispatch, lane) if lane else None
    return JSONResponse({"received": lane is not None}, status.HTTP_202_ACCEPTED, background=afterwards)


async def _dispatch(lane: Lane) -> None:
    """Dispatch a lane whose job is committed: at once, or together with others shortly after."""
    now, last = time.monotonic(), _dispatched_at.get(lane, 0)
    if last > now:
        return
    _dispatched_at[lane] = max(now, last + DISPATCH_DEBOUNCE_SECONDS)
    await asyncio.sleep(_dispatched_at[lane] - now)
    await run_in_threadpool(dispatch.dispatch_lanes, [lane])


def _enqueue(container: Container, token: str, body: bytes) -> Lane | None:
    """Enqueue the record that a webhook names; None if it names none that is synced."""
    record = _read_record(container, token, body)
    if record is None:
        log.info("webhook_ignored", connection=_connection(container, token), bytes=len(body))
        return None
    received = webhook_intake.enqueue_webhook(container.database, token, record, now=container.clock())
    if received is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    lane = Lane(received.connection_id, record.entity_type)
    _record_activity(container, token, lane)
    _check_limit(container, lane.connection_id)
    if received.limited and not received.enqueued:
        dispatch.dispatch_polls("poll_moment", {lane.connection_id: 2 * LIMITED_POLL_EVERY})  # once per half of it
    if not received.enqueued:
        log.info("webhook_ignored", connection=lane.connection_id, entity_type=lane.entity_type, bytes=len(body))
        return None
    container.tracer.remember(lane.connection_id, record)
    log.info("webhook_received", connection=lane.connection_id, entity_type=lane.entity_type, record=record.id)
    return lane


def _read_record(container: Container, token: str, body: bytes) -> Record | None:
    try:
        return container.read_webhook(body)
    except ValueError:
        _connection(container, token)  # an unknown token gets a 404, whatever the body
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "The body is not JSON.") from None


def _connection(container: Container, token: str) -> int:
    if target := webhook_intake.find_target(container.database, token):
        return target.connection_id
    raise HTTPException(status.HTTP_404_NOT_FOUND)


def _record_activity(container: Container, token: str, lane: Lane) -> None:
    """Record that a webhook came, unless this process has just done so: the time is stored to the minute."""
    now, last = container.clock(), _activity_saved_at.get((token, lane))
    if last is None or now - last >= webhook_intake.ACTIVITY_RESOLUTION:
        webhook_intake.record_activity(container.database, lane, now=now)
        _activity_saved_at[token, lane] = now


def _check_limit(container: Container, connection_id: int) -> None:
    """Limit a flooded webhook here, because workers do not run for a paused connection."""
    _webhook_counts[connection_id] += 1
    if _webhook_counts[connection_id] % WEBHOOKS_PER_LIMIT_CHECK:
        return
    if webhook_limit.limit_if_flooded(container.database, connection_id, now=container.clock()):
        log.warning("webhook_limited", connection=connection_id)

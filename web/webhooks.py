"""Notifications of Moment: noted in the inbox, answered, and only then passed on."""

import asyncio
import time
from datetime import datetime

import structlog
from fastapi import APIRouter, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from models import hooks, notifications
from models.words import Lane, Record
from web.visitors import Open
from worker import dispatch
from worker.wiring import bridge, clock, read_notification

log = structlog.get_logger()
router = APIRouter(dependencies=[Open])

MOST_SECONDS = 10
"""How long a body may take to arrive."""

BREATH_SECONDS = 0.05
"""Between two nudges of a lane: what is noted meanwhile is told with the second, so that a storm costs no more."""

_noted: dict[tuple[str, Lane], datetime] = {}
_nudged: dict[Lane, float] = {}
_to_be_nudged: set[Lane] = set()


@router.post("/hooks/moment/{token}")
async def moment(token: str, request: Request) -> JSONResponse:
    """Note which record of Moment needs a look. 202 once that is committed, whether or not Redis is there."""
    lane = await run_in_threadpool(_receive, token, await _body(request))
    afterwards = BackgroundTask(_nudge, lane) if lane else None
    return JSONResponse({"received": lane is not None}, status.HTTP_202_ACCEPTED, background=afterwards)


async def _nudge(lane: Lane) -> None:
    """Nudge a lane whose change is committed: at once, or together with all that come within a breath."""
    if lane in _to_be_nudged:
        return
    wait = _nudged.get(lane, 0) + BREATH_SECONDS - time.monotonic()
    if wait > 0:
        _to_be_nudged.add(lane)
        try:
            await asyncio.sleep(wait)
        finally:
            _to_be_nudged.discard(lane)
    _nudged[lane] = time.monotonic()
    await run_in_threadpool(dispatch.nudge, [lane])


async def _body(request: Request) -> bytes:
    """Read the body, and give one up that drips for ever; one that is too long the app refuses by itself."""
    try:
        async with asyncio.timeout(MOST_SECONDS):
            return await request.body()
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT) from None


def _receive(token: str, body: bytes) -> Lane | None:
    """Put what a notification names into the inbox; None where it names nothing that travels."""
    record = _record(token, body)
    if record is None:
        log.info("notification_ignored", connection=_connection(token), bytes=len(body))
        return None
    received = hooks.receive(bridge().database, token, record, now=clock())
    if received is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    lane = Lane(received.connection_id, record.kind)
    _note(token, lane)
    if not received.noted:
        log.info("notification_ignored", connection=lane.connection_id, kind=lane.kind, bytes=len(body))
        return None
    bridge().traces.received(lane.connection_id, record)
    log.info("notification", connection=lane.connection_id, kind=lane.kind, record=record.id)
    return lane


def _record(token: str, body: bytes) -> Record | None:
    """Read which record a notification names, if it names one."""
    try:
        return read_notification(body)
    except ValueError:
        _connection(token)  # to a stranger no more is told than that there is nothing here
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "The body is not JSON.") from None


def _connection(token: str) -> int:
    """Tell which connection a token leads to; 404 where it leads nowhere."""
    if hook := hooks.find(bridge().database, token):
        return hook.connection_id
    raise HTTPException(status.HTTP_404_NOT_FOUND)


def _note(token: str, lane: Lane) -> None:
    """Note that a notification came, unless this process has just done so: the instant is kept to the minute."""
    now, last = clock(), _noted.get((token, lane))
    if last is None or now - last >= notifications.FINENESS:
        notifications.note(bridge().database, lane, now=now)
        _noted[token, lane] = now

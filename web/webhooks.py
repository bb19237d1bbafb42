"""Notifications of Moment: noted in the inbox, answered, and only then passed on."""

import asyncio
import time
from datetime import datetime

import structlog
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from models import hooks, inbox, notifications
from models.words import Lane
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


@router.post("/hooks/moment/{token}", status_code=status.HTTP_202_ACCEPTED)
async def moment(token: str, request: Request, afterwards: BackgroundTasks) -> dict[str, bool]:
    """Note which record of Moment needs a look. 202 once that is committed, whether or not Redis is there."""
    body = await _body(request)
    lane = await run_in_threadpool(_receive, token, body)
    if lane:
        afterwards.add_task(_nudge, lane)
    return {"received": lane is not None}


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
    hook = hooks.find(bridge().database, token)
    if hook is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    try:
        record = read_notification(body)
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "The body is not JSON.") from None
    connection_id = hook.connection_id
    if record:
        _note(token, Lane(connection_id, record.kind))
    if record is None or record.kind not in hook.kinds:
        log.info("notification_ignored", connection=connection_id, kind=record and record.kind, bytes=len(body))
        return None
    inbox.receive(bridge().database, connection_id, [record], now=clock())
    bridge().traces.received(connection_id, record)
    log.info("notification", connection=connection_id, kind=record.kind, record=record.id)
    return Lane(connection_id, record.kind)


def _note(token: str, lane: Lane) -> None:
    """Note that a notification came, unless this process has just done so: the instant is kept to the minute."""
    now, last = clock(), _noted.get((token, lane))
    if last is None or now - last >= notifications.FINENESS:
        notifications.note(bridge().database, lane, now=now)
        _noted[token, lane] = now

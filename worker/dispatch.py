"""Nudges: messages that say which lane or poll has something to do, at most one of each on its way.

A nudge may be lost at any time, since beat nudges again; so where Redis is away, that is logged and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.app import app
from worker.wiring import bridge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.words import Lane

log = structlog.get_logger()

LANE_SECONDS = 60
"""How long a nudge is trusted to be on its way, should it be lost."""


def nudge(lanes: Iterable[Lane]) -> None:
    """Send a message for each lane that has none on its way."""
    _send({(f"sync_{lane.kind}s", lane.connection_id) for lane in lanes}, seconds=LANE_SECONDS)


def nudge_polls(task: str, connection_ids: Iterable[int], *, every: float) -> None:
    """Send each connection's poll, unless it was sent within half of the seconds between two polls."""
    _send({(task, connection_id) for connection_id in connection_ids}, seconds=every / 2)


def arrived(lane: Lane) -> None:
    """Note that the lane's message is here: what comes from now on needs another one.

    To be called before the lane is claimed, so that no change falls between the two.
    """
    bridge().redis.delete(_key(f"sync_{lane.kind}s", lane.connection_id))


def _send(messages: Iterable[tuple[str, int]], *, seconds: float) -> None:
    redis = bridge().redis
    try:
        for task, connection_id in sorted(messages):
            if redis.set(_key(task, connection_id), "", nx=True, px=int(seconds * 1000)):
                app.send_task(task, args=[connection_id], retry=False)
    except (RedisError, OperationalError) as error:
        log.warning("nudge_lost", because=str(error))


def _key(task: str, connection_id: int) -> str:
    return f"nudged:{connection_id}:{task}"

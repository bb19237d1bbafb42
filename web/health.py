"""Whether this process lives, and whether it can take notifications."""

from fastapi import APIRouter
from redis.exceptions import RedisError

from web.visitors import Open
from worker.wiring import bridge

router = APIRouter(prefix="/health", dependencies=[Open])


@router.get("/live")
def live() -> dict[str, str]:
    """Answer; that is all that is asked."""
    return {"web": "up"}


@router.get("/ready")
def ready() -> dict[str, str]:
    """Tell what is up; 503 without PostgreSQL. Without Redis notifications are taken all the same."""
    bridge().database.ping()
    return {"web": "up", "postgresql": "up", "redis": "up" if _redis_answers() else "down"}


def _redis_answers() -> bool:
    try:
        return bool(bridge().redis.ping())
    except RedisError:
        return False

"""Health checks: whether this process lives, whether it can accept webhooks, and whether workers run."""

from contextlib import suppress

from fastapi import APIRouter, Response, status
from redis.exceptions import RedisError

from models.database import is_behind
from web.dependencies import ContainerDep
from web.security.auth import Open

router = APIRouter(prefix="/health", dependencies=[Open])


@router.get("/live")
async def live() -> dict[str, str]:
    """Return at once, without a thread: all of them may be waiting for PostgreSQL."""
    return {"web": "up"}


@router.get("/ready")
def ready(container: ContainerDep, response: Response) -> dict[str, str]:
    """Return what is up; 503 without PostgreSQL, which webhooks need, and while its tables are too old.

    Without Redis or workers, webhooks are still accepted, so that is only reported.
    """
    parts = {"web": "up", "postgresql": "up", "tables": "up", "redis": "down", "workers": "silent"}
    if is_behind(container.database):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        parts["tables"] = "behind"
    elif cause := container.intake.refusal():
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        parts["postgresql"] = cause
    with suppress(RedisError):
        parts |= {"workers": "up" if container.is_alive() else "silent", "redis": "up"}
    return parts

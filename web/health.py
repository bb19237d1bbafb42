"""Whether this process lives, whether it can take notifications, and whether anybody works on them."""

from contextlib import suppress

from fastapi import APIRouter, Response, status
from redis.exceptions import RedisError

from models.database import is_behind
from web.dependencies import ContainerDep
from web.security.auth import Open

router = APIRouter(prefix="/health", dependencies=[Open])


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer; that is all that is asked. Not by a thread: all of them may be waiting for PostgreSQL."""
    return {"web": "up"}


@router.get("/ready")
def ready(container: ContainerDep, response: Response) -> dict[str, str]:
    """Return what is up; 503 without PostgreSQL, where it takes no webhooks, and while its tables are too old.

    Without Redis or workers notifications are taken all the same, so that is told and no more.
    """
    told = {"web": "up", "postgresql": "up", "tables": "up", "redis": "down", "workers": "silent"}
    if is_behind(container.database):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        told["tables"] = "behind"
    elif cause := container.intake.refusal():
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        told["postgresql"] = cause
    with suppress(RedisError):
        told |= {"workers": "up" if container.is_alive() else "silent", "redis": "up"}
    return told

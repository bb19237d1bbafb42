"""Health checks: whether this process lives, whether it can accept webhooks, and whether workers run."""

from typing import NamedTuple

from fastapi import APIRouter, Response, status
from redis.exceptions import RedisError

from models.database import is_behind
from web.dependencies import ContainerDep
from web.security.auth import Open
from worker.container import Container

router = APIRouter(prefix="/health", dependencies=[Open])


class BackendStatus(NamedTuple):
    """Whether Redis responds, and whether workers have completed a sweep recently."""

    redis: bool
    workers: bool


def read_backend_status(container: Container) -> BackendStatus:
    try:
        return BackendStatus(redis=True, workers=container.is_alive())
    except RedisError:
        return BackendStatus(redis=False, workers=False)


@router.get("/live")
async def live() -> dict[str, str]:
    """Return at once, without a thread: all of them may be waiting for PostgreSQL."""
    return {"web": "up"}


@router.get("/ready")
def ready(container: ContainerDep, response: Response) -> dict[str, str]:
    """Return what is up; 503 without PostgreSQL, which webhooks need, and while its tables are too old.

    Without Redis or workers, webhooks are still accepted, so that is only reported.
    """
    parts = {"web": "up", "postgresql": "up", "tables": "up"}
    if is_behind(container.database):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        parts["tables"] = "behind"
    elif cause := container.intake.refusal():
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        parts["postgresql"] = cause
    backends = read_backend_status(container)
    return parts | {
        "redis": "up" if backends.redis else "down",
        "workers": "up" if backends.workers else "silent",
    }

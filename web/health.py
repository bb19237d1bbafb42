"""Whether this process lives, whether it can take notifications, and whether anybody works on them."""

from fastapi import APIRouter, Response, status
from redis.exceptions import RedisError

from models.database import is_behind
from web.dependencies import ContainerDep
from web.security.auth import Open
from worker.container import Container

router = APIRouter(prefix="/health", dependencies=[Open])


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer; that is all that is asked. Not by a thread: all of them may be waiting for PostgreSQL."""
    return {"web": "up"}


@router.get("/ready")
def ready(container: ContainerDep, response: Response) -> dict[str, str]:
    """Tell what is up; 503 without PostgreSQL, and while its tables are older than this program.

    Without Redis or workers notifications are taken all the same, so that is told and no more.
    """
    behind = is_behind(container.database)
    if behind:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return {"web": "up", "postgresql": "up", "tables": "behind" if behind else "up"} | _workers(container)


def _workers(container: Container) -> dict[str, str]:
    try:
        return {"redis": "up", "workers": "up" if container.is_alive() else "silent"}
    except RedisError:
        return {"redis": "down", "workers": "silent"}

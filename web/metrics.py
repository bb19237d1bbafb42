"""The metrics, for Prometheus: those of this process, and how the installation stands as a whole."""

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response, status

from web.security.auth import Open
from worker.container import get_container
from worker.observability.metrics import CONTENT_TYPE, is_authorized

router = APIRouter(dependencies=[Open])


@router.get("/metrics")
def metrics(authorization: Annotated[str, Header()] = "") -> Response:
    """Tell them to whoever says METRICS_TOKEN; 404 where there is none, 401 for whoever does not know it."""
    token = get_container().settings.metrics_token
    if not token.get_secret_value():
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    if not is_authorized(token, authorization):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    return Response(
        get_container().metrics.text() + get_container().installation_metrics.text(), media_type=CONTENT_TYPE
    )

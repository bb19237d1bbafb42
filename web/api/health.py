"""The health of the integration, and the request budget of 24SevenOffice."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from models.admin import dashboard
from models.users.tokens import TokenScope
from web.api.caller import Caller, RequireScope
from web.health import read_backend_status

router = APIRouter(tags=["Health"])

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.HEALTH_READ))]


class Health(BaseModel):
    """The health of the integration and the status of the token's connections."""

    redis: bool = Field(description="True if Redis responds")
    workers: bool = Field(description="True if a worker has been active in the last minute")
    connections: int = Field(description="Number of the token's connections")
    paused: int = Field(description="Number of paused connections, without those never started")
    outage: int = Field(description="Number of connections whose systems do not respond")
    rate_limited: int = Field(
        description="Number of connections that wait for the request budget of 24SevenOffice"
    )
    pending: int = Field(description="Number of pending jobs")
    needs_attention: int = Field(description="Number of jobs that need attention")


class RequestBudget(BaseModel):
    """The budget of requests to 24SevenOffice, shared by all connections."""

    known: bool = Field(description="False if the numbers are unknown, since Redis is down")
    allowed: int = Field(description="Requests allowed per hour")
    remaining: int = Field(description="Requests that can be sent now")
    reserved: int = Field(description="Part of `remaining` that is reserved for events")
    events: int = Field(description="Requests sent for events in the last hour")
    polls: int = Field(description="Requests sent for polls in the last hour")
    blocked_until: datetime | None = Field(
        description="Time until which 24SevenOffice accepts no requests; null if it accepts them"
    )


@router.get("/health", operation_id="getHealth")
def get_health(caller: Reading) -> Health:
    """Get the health of the integration and the status of the token's connections."""
    totals = dashboard.totals(caller.database, caller.scope)
    return caller.build_from(Health, totals, **read_backend_status(caller.container)._asdict())


@router.get("/request-budget", operation_id="getRequestBudget")
def get_request_budget(caller: Reading) -> RequestBudget:
    """Get the budget of requests to 24SevenOffice."""
    usage = caller.container.budget.usage()
    if usage is None:
        return RequestBudget(
            known=False, allowed=0, remaining=0, reserved=0, events=0, polls=0, blocked_until=None
        )
    return caller.build_from(RequestBudget, usage, known=True)

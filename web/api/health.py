"""The health of the integration, and the request budget of 24SevenOffice."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from models.admin import dashboard
from models.users.tokens import TokenScope
from web.api.caller import Caller, RequireScope

router = APIRouter(tags=["Health"])

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.HEALTH_READ))]


class Health(BaseModel):
    """Which parts work, and the status of the token's connections."""

    redis: bool
    workers: bool = Field(description="Whether workers have been active within the last minute")
    connections: int
    paused: int
    in_outage: int = Field(description="Connections whose systems do not answer")
    rate_limited: int = Field(description="Connections that wait because no requests to 24SevenOffice are left")
    pending: int = Field(description="Pending jobs")
    needs_attention: int = Field(description="Jobs that need attention")


class RequestBudget(BaseModel):
    """The requests to 24SevenOffice, which all connections share."""

    known: bool = Field(description="Whether the numbers are known; false while Redis is down")
    allowed: int = Field(description="Requests allowed per hour")
    remaining: int = Field(description="Requests left now")
    reserved: int = Field(description="The part of them that polls leave to events")
    events: int = Field(description="Requests for events in the last hour")
    polls: int = Field(description="Requests for polls in the last hour")
    blocked_until: datetime | None = Field(description="Until when 24SevenOffice accepts none")


@router.get("/health", operation_id="getHealth")
def get_health(caller: Reading) -> Health:
    """Read which parts work, and the status of the token's connections."""
    totals, redis, workers = dashboard.totals(caller.database, caller.scope), False, False
    with suppress(RedisError):
        workers, redis = caller.container.is_alive(), True
    return Health(
        redis=redis,
        workers=workers,
        connections=totals.connections,
        paused=totals.paused,
        in_outage=totals.in_outage,
        rate_limited=totals.rate_limited,
        pending=totals.pending,
        needs_attention=totals.needs_attention,
    )


@router.get("/request-budget", operation_id="getRequestBudget")
def get_request_budget(caller: Reading) -> RequestBudget:
    """Read how many requests to 24SevenOffice are left."""
    usage = caller.container.budget.usage()
    if usage is None:
        return RequestBudget(
            known=False, allowed=0, remaining=0, reserved=0, events=0, polls=0, blocked_until=None
        )
    return RequestBudget(
        known=True,
        allowed=usage.allowed,
        remaining=usage.remaining,
        reserved=usage.reserved,
        events=usage.events,
        polls=usage.polls,
        blocked_until=usage.blocked_until,
    )

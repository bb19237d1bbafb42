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
    """What works, and the status of the token's connections."""

    redis: bool
    workers: bool = Field(description="Whether workers have been at work within the last minute")
    connections: int
    paused: int
    in_outage: int = Field(description="Connections whose systems do not answer")
    rate_limited: int = Field(description="Connections that wait for requests to 24SevenOffice")
    pending: int = Field(description="Jobs on their way")
    needs_attention: int = Field(description="Jobs that somebody has to look at")


class RequestBudget(BaseModel):
    """The requests to 24SevenOffice, which all connections share."""

    known: bool = Field(description="Whether the numbers are known: they are not while Redis is away")
    allowed: int = Field(description="Requests in an hour")
    remaining: int = Field(description="Requests that may be sent now")
    reserved: int = Field(description="Part of them that polls leave to events")
    events: int = Field(description="Requests for events in the last hour")
    polls: int = Field(description="Requests of polls in the last hour")
    blocked_until: datetime | None = Field(description="Until when 24SevenOffice takes none")


@router.get("/health", operation_id="getHealth")
def get_health(caller: Reading) -> Health:
    """Read what works, and the status of the token's connections."""
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

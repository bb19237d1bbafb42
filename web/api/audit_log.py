"""The audit log: changes and actions, with their actors."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from models.admin import audit_log
from models.enums import Scope
from models.users.tokens import TokenScope
from web.api.caller import Caller, RequireScope
from web.api.common_types import SIZE, Cursor, Limit, Page, key_of, page_of
from web.dependencies import MAX_CONNECTION_ID

router = APIRouter(tags=["Audit log"])

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.AUDIT_READ))]


class AuditEntry(BaseModel):
    """An action of a user or program."""

    id: int = Field(description="Id of the entry")
    at: datetime = Field(description="Time of the action")
    actor: str = Field(description="Email address of the user, or name of the API token or command")
    action: str = Field(description="The action as a sentence, in the requested language")
    connection_id: int | None = Field(description="Id of the connection; null for an action on users or tokens")
    connection: str | None = Field(description="Name of the connection; null without one")
    job_id: int | None = Field(description="Id of the job; null unless the action is on a single job")


@router.get("/audit-log", operation_id="listAuditEntries")
def list_audit_entries(
    caller: Reading,
    connection_id: Annotated[
        int | None, Query(ge=1, le=MAX_CONNECTION_ID, description="Only entries about this connection")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = SIZE,
) -> Page[AuditEntry]:
    """List the audit entries, newest first. Those about users and tokens need a token for all connections."""
    scope, users = caller.scope, caller.scope.connections is None and connection_id is None
    if connection_id is not None:
        caller.expect_allowed(connection_id)
        scope = Scope(frozenset({connection_id}))
    found = audit_log.page(caller.database, scope, users=users, key=key_of(cursor), size=limit)
    return page_of([caller.build_from(AuditEntry, each) for each in found.lines], found)

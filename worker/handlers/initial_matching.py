"""The initial matching as an operation: certain matches are linked, uncertain ones become questions."""

from collections import Counter

from i18n.messages import as_json
from models.admin.operations import Operation, OperationResult
from models.connections.repository import Connection
from models.enums import Lane
from sync.onboarding import initial_matching
from sync.onboarding.preview import refuse_writes
from worker import dispatch
from worker.container import Container
from worker.handlers.backfill import is_cancelled

MAX_TOLD = 500
"""Records listed in the result; the others are only counted."""


def run(container: Container, operation: Operation, connection: Connection) -> OperationResult:
    """Plan the matching, and carry it out unless only the plan was requested. Raises SyncError."""
    context = container.open_context(connection, renew_lease=refuse_writes)
    planned = initial_matching.plan(context)
    if not operation.input["dry_run"] and not is_cancelled(container, operation):
        planned = initial_matching.apply(context, planned, create=bool(operation.input["create"]))
        dispatch.dispatch_lanes({Lane(connection.id, each.record.entity_type) for each in planned})
    told = [
        {
            "entity_type": each.record.entity_type,
            "record_id": each.record.id,
            "title": as_json(each.title),
            "action": each.action,
            "remote_id": each.remote_id,
            "why": as_json(each.why),
        }
        for each in planned[:MAX_TOLD]
    ]
    counts = Counter(str(each.action) for each in planned)
    return {"findings": [], "matching": {"counts": dict(counts), "records": told}}

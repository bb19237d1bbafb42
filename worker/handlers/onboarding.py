"""The initial matching, and backfills.

A backfill enqueues a few records at a time, and only with spare requests, so that webhooks go first. It takes
hours, so it runs in turns. A turn ends when there is no more room, and the next sweep begins the next one. The
process caches the list that a turn has read, so the same worker continues with it. Another worker starts again and
skips records that have a link or a job.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from cachetools import TTLCache

from i18n.messages import as_json, msg
from integrations.twentyfour.budget import RESERVE_PERCENT
from models.admin.operations import Operation, OperationResult
from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox import due
from sync.error_codes.names import CONNECTION_PAUSED
from sync.errors import MisconfiguredError, UnavailableError
from sync.onboarding import initial_matching
from sync.onboarding.backfill import ENTITY_TYPES, Backfill
from sync.onboarding.preview import PlannedRecord, refuse_writes
from worker import dispatch
from worker.container import Container

log = structlog.get_logger()

BATCH_SIZE = 20
"""Jobs enqueued at a time, while fewer than this are due. A webhook waits behind fewer than twice as many."""

MAX_LISTED = 500
"""Records listed in a preview or result; the others are only counted."""

TURN = timedelta(seconds=10)
"""Maximum length of a turn, so that other operations get theirs."""


@dataclass
class _Run:
    """A backfill of this process, with the number of records of each type already processed."""

    period: Backfill
    records: dict[EntityType, Sequence[Record]] = field(default_factory=dict)
    enqueued: dict[EntityType, int] = field(default_factory=dict)


_runs: TTLCache[int, _Run] = TTLCache(maxsize=100, ttl=1800)


def run_initial_matching(container: Container, operation: Operation, connection: Connection) -> OperationResult:
    """Plan the initial matching, and carry it out unless only the plan was requested. Raises SyncError."""
    context = container.open_context(connection, renew_lease=refuse_writes)
    planned = initial_matching.plan(context)
    if not operation.input["dry_run"] and not _is_cancelled(container, operation):
        planned = initial_matching.apply(context, planned, create=bool(operation.input["create"]))
        dispatch.dispatch_lanes({Lane(connection.id, each.record.entity_type) for each in planned})
    counts = Counter(str(each.action) for each in planned)
    records = list(map(_record_values, planned[:MAX_LISTED]))
    return {"findings": [], "matching": {"counts": dict(counts), "records": records}}


def create_backfill(container: Container, connection: Connection, *, first: date, last: date) -> Backfill:
    """Create the backfill of a period; its own requests to 24SevenOffice count as polls."""
    context = container.open_context(connection, renew_lease=lambda: None)
    return Backfill(replace(context, erp=container.cached_erp(connection).for_polls()), first, last)


def has_room(container: Container, lane: Lane) -> bool:
    """Return whether few jobs are due, the connection works and requests are left. Raises MisconfiguredError."""
    return (
        is_available(container, lane)
        and due.count(container.database, lane, now=container.clock()) < BATCH_SIZE
        and has_spare_requests(container)
    )


def has_spare_requests(container: Container) -> bool:
    """Return whether there are requests to 24SevenOffice beyond the webhooks' reserve; False if Redis is down."""
    usage = container.budget.usage()
    if usage is None or not usage.available_for_polls:
        return False
    return usage.remaining > usage.allowed * RESERVE_PERCENT // 100


def is_available(container: Container, lane: Lane) -> bool:
    """Return whether a connection can work now. Raises MisconfiguredError if it is paused."""
    connection = container.connections.get(lane.connection_id)
    if connection.paused_because:
        raise MisconfiguredError(
            msg("The connection is paused: {because}", because=connection.paused_because),
            error_code=CONNECTION_PAUSED,
        )
    return connection.is_available(container.clock())


def run_backfill_turn(
    container: Container, operation: Operation, connection: Connection
) -> OperationResult | None:
    """Continue a backfill; None if it is not finished. Raises MisconfiguredError if the connection is paused."""
    ends, run = container.clock() + TURN, _runs.get(operation.id)
    if run is None:
        run = _runs[operation.id] = _Run(_period(container, operation, connection))
    try:
        for entity_type in _entity_types(operation, connection):
            lane = Lane(connection.id, entity_type)
            if not _enqueue_all(container, operation, run, lane, ends=ends):
                return None
    except UnavailableError as error:
        log.warning("backfill_paused", because=error.message, operation=operation.id)
        return None
    _runs.pop(operation.id, None)
    progress = [asdict(run.period.progress(each, records)) for each, records in run.records.items()]
    return {"findings": [], "backfill": progress}


def preview_backfill(container: Container, operation: Operation, connection: Connection) -> OperationResult:
    """Preview a backfill; ``known`` counts records that are linked or have a job. Raises SyncError."""
    planned, known = _period(container, operation, connection).preview_all(_entity_types(operation, connection))
    vouchers = [each.voucher for each in planned if each.voucher]
    values = {
        "known": known,
        "vouchers": len(vouchers),
        "amount": sum(voucher.entries[0].amount for voucher in vouchers),
        "counts": dict(Counter(str(each.action) for each in planned)),
        "records": [_record_values(each) | _voucher_values(each) for each in planned[:MAX_LISTED]],
    }
    return {"findings": [], "backfill_preview": values}


def _record_values(each: PlannedRecord) -> dict[str, Any]:
    return {
        "entity_type": each.record.entity_type,
        "record_id": each.record.id,
        "title": as_json(each.title),
        "action": each.action,
        "remote_id": each.remote_id,
        "why": as_json(each.why),
    }


def _voucher_values(each: PlannedRecord) -> dict[str, Any]:
    return {
        "customer": each.customer,
        "day": each.voucher.day.isoformat() if each.voucher else None,
        "entries": [
            {
                "account": entry.account,
                "project_number": entry.project_number or None,
                "vat_code": entry.tax_code,
                "amount": entry.amount,
            }
            for entry in (each.voucher.entries if each.voucher else ())
        ],
    }


def _period(container: Container, operation: Operation, connection: Connection) -> Backfill:
    first, last = (date.fromisoformat(operation.input[name]) for name in ("first", "last"))
    return create_backfill(container, connection, first=first, last=last)


def _entity_types(operation: Operation, connection: Connection) -> Sequence[EntityType]:
    wanted = set(filter(None, operation.input["entity_types"].split(","))) or connection.settings.entity_types
    return [each for each in ENTITY_TYPES if each in wanted and each in connection.settings.entity_types]


def _enqueue_all(container: Container, operation: Operation, run: _Run, lane: Lane, *, ends: datetime) -> bool:
    """Enqueue records of a type while there is room; return True once none of them is due."""
    entity_type, database = lane.entity_type, container.database
    if entity_type not in run.records:
        run.records[entity_type] = run.period.records(entity_type)
    records, enqueued = run.records[entity_type], run.enqueued.get(entity_type, 0)
    while enqueued < len(records):
        if container.clock() >= ends or not has_room(container, lane) or _is_cancelled(container, operation):
            return False
        batch = records[enqueued : enqueued + BATCH_SIZE]
        run.period.enqueue(entity_type, batch)
        dispatch.dispatch_lanes([lane])
        enqueued = run.enqueued[entity_type] = enqueued + len(batch)
        done, total = sum(run.enqueued.values()), sum(map(len, run.records.values()))
        container.operations.report_progress(operation.id, done=done, total=total)
    return is_available(container, lane) and not due.count(database, lane, now=container.clock())


def _is_cancelled(container: Container, operation: Operation) -> bool:
    known = container.operations.get(operation.id)
    return known is None or known.result is not None

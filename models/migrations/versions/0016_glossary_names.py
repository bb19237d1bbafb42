"""Rename tables, columns, states, indexes and constraints to the terms of the glossary."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

TABLES = {
    "changes": "sync_jobs",
    "doubts": "restored_lanes",
    "finds": "missed_webhooks",
    "nights": "nightly_polls",
    "questions": "match_questions",
    "acceptances": "accepted_discrepancies",
    "notifications": "webhook_activity",
    "tallies": "statistics",
    "errands": "operations",
    "audit": "audit_log",
    "sign_ins": "failed_sign_ins",
}
COLUMNS = {
    "connections": {
        "failures": "consecutive_failures",
        "down_since": "outage_since",
        "down_told": "outage_alerted",
        "rests_until": "breaker_open_until",
        "short_since": "rate_limited_since",
        "short_told": "rate_limit_alerted",
    },
    "lanes": {"kind": "entity_type", "claim": "lease_id", "claimed_until": "lease_expires_at"},
    "sync_jobs": {
        "kind": "entity_type",
        "taken": "leased_revision",
        "tries": "failed_attempts",
        "lost": "worker_crashes",
        "uncertain": "outcome_unknown",
        "claim": "lease_id",
        "waits_for_kind": "dependency_type",
        "waits_for_id": "dependency_id",
        "words": "search_terms",
        "reason": "error_code",
        "settled_at": "completed_at",
        "closed_because": "dismissal_reason",
        "stuck_since": "needs_attention_since",
    },
    "attempts": {"change_id": "job_id", "reason": "error_code", "exchanges": "calls"},
    "alerts": {
        "change_id": "job_id",
        "address": "recipient",
        "turn": "type",
        "reason": "error_code",
        "fate": "status",
    },
    "audit_log": {"change_id": "job_id", "who": "actor", "what": "action"},
    "accepted_discrepancies": {"who": "actor"},
    "operations": {
        "kind": "type",
        "who": "actor",
        "asked_at": "requested_at",
        "answer": "result",
        "answered_at": "completed_at",
    },
    "statistics": {
        "span": "granularity",
        "begins": "starts_at",
        "seconds": "total_seconds",
        "longest": "max_seconds",
    },
    "match_questions": {"change_id": "job_id"},
    "missed_webhooks": {"kind": "entity_type", "found_at": "detected_at"},
    "nightly_polls": {"kind": "entity_type"},
    "restored_lanes": {"kind": "entity_type", "since": "restored_at"},
    "webhook_activity": {"kind": "entity_type"},
    "cursors": {"kind": "entity_type"},
    "links": {"kind": "entity_type"},
}
NAMES = {
    "changes_waiting_for": "sync_jobs_dependency",
    "changes_reason": "sync_jobs_error_code",
    "alerts_unsent": "alerts_pending",
    "alerts_of_change": "alerts_of_job",
    "audit_of_change": "audit_log_of_job",
    "finds_found": "missed_webhooks_detected",
    "tallies_begin": "statistics_start",
}
"""Indexes whose names are not derived from their table and columns."""

STATES = {
    "waiting": "queued",
    "working": "running",
    "settled": "done",
    "stuck": "needs_attention",
    "closed": "dismissed",
}
ALERTS = {
    "worse": "needs_attention",
    "down": "outage",
    "short": "rate_limited",
    "up": "recovered",
    "better": "resolved",
    "books": "reconciliation",
}
OPERATIONS = {
    "examination": "diagnostics",
    "comparison": "reconciliation",
    "monthly comparison": "monthly_reconciliation",
}
ERROR_CODES = {"poison": "worker_crashes", "waits": "dependency_pending"}
VALUES = (
    ("sync_jobs", "state", STATES),
    ("alerts", "type", ALERTS),
    ("operations", "type", OPERATIONS),
    ("sync_jobs", "error_code", ERROR_CODES),
    ("attempts", "error_code", ERROR_CODES),
    ("alerts", "error_code", ERROR_CODES),
)
SETTING = {"kinds": "entity_types"}
RESULT = {"typed": "input", "examination": "diagnostics"}
FINDING = {"verdict": "status", "what": "message"}
REPORT = {"differences": "discrepancies"}
DISCREPANCY = {"standing": "type", "deviations": "differences"}
"""Keys in the results of operations; the first is a setting that findings name."""


def upgrade() -> None:
    op.drop_index("changes_due", table_name="changes")
    op.drop_index("changes_unsettled", table_name="changes")
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, old, new_column_name=new)
    _rename_what_belongs_to_them(TABLES, COLUMNS, NAMES)
    for table, column, values in VALUES:
        _replace_values(table, column, values)
    _rename_settings(SETTING)
    _rename_in_results(RESULT, FINDING, REPORT, DISCREPANCY, SETTING)
    op.create_index(
        "sync_jobs_due",
        "sync_jobs",
        ["due_at", "connection_id", "entity_type"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "sync_jobs_not_done",
        "sync_jobs",
        ["state", "connection_id", "error_code"],
        postgresql_where=sa.text("state <> 'done'"),
    )


def downgrade() -> None:
    op.drop_index("sync_jobs_not_done", table_name="sync_jobs")
    op.drop_index("sync_jobs_due", table_name="sync_jobs")
    _rename_in_results(*map(_turned, (RESULT, FINDING, REPORT, DISCREPANCY, SETTING)))
    _rename_settings(_turned(SETTING))
    for table, column, values in VALUES:
        _replace_values(table, column, _turned(values))
    before = {new: old for old, new in TABLES.items()}
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, new, new_column_name=old)
    for old, new in TABLES.items():
        op.rename_table(new, old)
    columns_before = {before.get(table, table): _turned(columns) for table, columns in COLUMNS.items()}
    _rename_what_belongs_to_them(before, columns_before, _turned(NAMES))
    op.create_index(
        "changes_due",
        "changes",
        ["due_at", "connection_id", "kind"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "changes_unsettled",
        "changes",
        ["state", "connection_id", "reason"],
        postgresql_where=sa.text("state <> 'settled'"),
    )


def _turned(words: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in reversed(words.items())}


def _replace_values(table: str, column: str, values: dict[str, str]) -> None:
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in values.items())
    known = ", ".join(f"'{old}'" for old in values)
    op.execute(f"UPDATE {table} SET {column} = CASE {column} {cases} END WHERE {column} IN ({known})")  # noqa: S608 - words from above


def _rename_settings(settings: dict[str, str]) -> None:
    for old, new in settings.items():
        moved = f"settings - '{old}' || jsonb_build_object('{new}', settings -> '{old}')"
        known = f"jsonb_exists(settings, '{old}')"
        op.execute(f"UPDATE connections SET settings = {moved} WHERE {known}")  # noqa: S608 - as above


def _rename_in_results(
    result: dict[str, str],
    finding: dict[str, str],
    report: dict[str, str],
    discrepancy: dict[str, str],
    setting: dict[str, str],
) -> None:
    operations = sa.table("operations", sa.column("id", sa.BigInteger), sa.column("result", JSONB))

    def reported(values: dict[str, Any]) -> dict[str, Any]:
        renamed = _renamed(values, report)
        (found,) = report.values()
        renamed[found] = [_renamed(each, discrepancy) for each in renamed[found]]
        if renamed.get("expenses"):
            renamed["expenses"] = reported(renamed["expenses"])
        return renamed

    connection = op.get_bind()
    for row in connection.execute(sa.select(operations).where(operations.c.result.is_not(None))).all():
        values = _renamed(row.result, result)
        values["findings"] = [_renamed(each, finding) for each in values.get("findings", [])]
        for each in values["findings"]:
            if "setting" in each:
                each["setting"] = setting.get(each["setting"], each["setting"])
        if values.get("report"):
            values["report"] = reported(values["report"])
        connection.execute(sa.update(operations).where(operations.c.id == row.id).values(result=values))


def _renamed(values: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    return {keys.get(key, key): value for key, value in values.items()}


def _rename_what_belongs_to_them(
    tables: dict[str, str], columns: dict[str, dict[str, str]], names: dict[str, str]
) -> None:
    """Name constraints, indexes and sequences after their table and columns, which have been renamed before."""
    connection = op.get_bind()
    before = {new: old for old, new in tables.items()}
    constraints = sa.text(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0"
        " AND contype IN ('p', 'u', 'f', 'n')"
    )
    for table, name in connection.execute(constraints).all():
        new = _called(name, before.get(table, table), table, columns.get(table, {}), names)
        if new != name:
            op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{name}" TO "{new}"')
    indexes = sa.text("SELECT tablename, indexname FROM pg_indexes WHERE schemaname = current_schema()")
    for table, name in connection.execute(indexes).all():
        new = _called(name, before.get(table, table), table, columns.get(table, {}), names)
        if new != name:
            op.execute(f'ALTER INDEX "{name}" RENAME TO "{new}"')
    sequences = sa.text("SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()")
    for (name,) in connection.execute(sequences).all():
        table = name.removesuffix("_id_seq")
        if table in tables:
            op.execute(f'ALTER SEQUENCE "{name}" RENAME TO "{tables[table]}_id_seq"')


def _called(name: str, old: str, table: str, columns: dict[str, str], names: dict[str, str]) -> str:
    if name in names:
        return names[name]
    head = re.match(rf"(ix_)?{old}_", name)
    if not head or (old != table and name.startswith(f"{table}_")):
        return name
    rest = f"_{name[head.end() :]}_"
    for column, new in columns.items():
        rest = rest.replace(f"_{column}_", f"_{new}_")
    return f"{head.group(1) or ''}{table}{rest[:-1]}"

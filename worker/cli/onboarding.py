"""Initial matching of both systems' records and importing expenses, each with a preview."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from models.admin.operations import OperationType, audit_start
from models.connections.repository import Connection
from models.enums import EntityType, Lane
from sync.onboarding import initial_matching
from sync.onboarding.preview import PlannedAction, PlannedRecord, preview_expenses, refuse_writes
from sync.polling import polls
from worker import dispatch
from worker.cli import ACTOR, connection_argument, examples, on_interrupt
from worker.cli.tables import Cell, Table, output_option
from worker.container import get_container

MATCHES = Table(
    columns={
        "entity_type": "type",
        "record_id": None,
        "title": "in Moment",
        "number": "in 24SevenOffice",
        "action": "result",
        "why": "why",
    }
)
MATCH_LABELS: Mapping[PlannedAction, str] = {
    PlannedAction.LINKED: "already linked",
    PlannedAction.LINK: "match",
    PlannedAction.ASK: "uncertain",
    PlannedAction.SYNC: "new",
    PlannedAction.REJECT: "can't be synced",
}
EXPENSES = Table(
    columns={
        "title": "voucher",
        "project_number": "project",
        "account": "account",
        "amount": "kroner",
        "files": "files",
        "action": None,
        "why": "why not",
    },
    amounts=frozenset({"amount"}),
)


@click.command("match", epilog=examples("moment24 connections match 'Our company' --dry-run"))
@connection_argument
@click.option("--dry-run", is_flag=True, help="Only show what would be linked or created, and what is uncertain")
@click.option("--create", is_flag=True, help="Also sync new records now, not on their next change")
@output_option
@on_interrupt("Saved links stay. Run the same command again to continue.")
def match_(connection: Connection, *, dry_run: bool, create: bool, output: str) -> None:
    """Match Moment's customers and projects with 24SevenOffice, and link certain matches.

    Uncertain matches become questions: see `jobs list` and `jobs choose`. Safe to repeat.
    """
    container = get_container()
    context = container.open_context(connection, renew_lease=refuse_writes)
    planned = initial_matching.plan(context)
    if not dry_run:
        input_ = {"dry_run": "", "create": "yes" if create else ""}
        with container.database.transaction() as session:
            audit_start(
                session,
                connection.id,
                OperationType.INITIAL_MATCHING,
                input_,
                actor=ACTOR,
                now=container.clock(),
            )
        planned = initial_matching.apply(context, planned, create=create)
        dispatch.dispatch_lanes({Lane(connection.id, each.record.entity_type) for each in planned})
    MATCHES.print(map(_match_row, planned), output)
    if output != "table":
        return
    counts = Counter(each.action for each in planned)
    click.echo(", ".join(f"{label}: {counts[action]}" for action, label in MATCH_LABELS.items()))
    if counts[PlannedAction.SYNC] and not create:
        click.echo("New records are synced when they next change in Moment or are needed; with --create, now.")


def _match_row(each: PlannedRecord) -> Mapping[str, Any]:
    return {
        "entity_type": each.record.entity_type,
        "record_id": each.record.id,
        "title": each.title,
        "number": each.remote_id,
        "action": Cell(each.action, MATCH_LABELS[each.action]),
        "why": each.why,
    }


@click.group()
def expenses() -> None:
    """Import costs from 24SevenOffice as project expenses in Moment."""


@expenses.command("import")
@connection_argument
@click.option(
    "--days", type=click.IntRange(1, 3660), required=True, help="Include vouchers changed in this many past days"
)
@click.option("--dry-run", is_flag=True, help="Only show what would be imported, and why the rest would not")
@output_option
def import_(connection: Connection, *, days: int, dry_run: bool, output: str) -> None:
    """Check recently changed vouchers again; nothing is imported twice."""
    if not connection.settings.expense_accounts:
        raise click.ClickException(f"{connection.name} lists no accounts for expenses: see connections set.")
    if output != "table" and not dry_run:
        raise click.UsageError("--output requires --dry-run.")
    if dry_run:
        _preview_expenses(connection, days, output)
    elif EntityType.EXPENSE in connection.settings.entity_types:
        _import_expenses(connection, days)
    else:
        raise click.ClickException(f"{connection.name} syncs no expenses: see --entity-type of connections set.")


def _import_expenses(connection: Connection, days: int) -> None:
    now, erp = get_container().clock(), get_container().cached_erp(connection)
    since = now - timedelta(days=days)
    count = polls.enqueue_changed_since(get_container().database, erp, connection, since=since, now=now)
    dispatch.dispatch_lanes([Lane(connection.id, EntityType.EXPENSE)])
    click.echo(f"Vouchers queued: {count}.")


def _preview_expenses(connection: Connection, days: int, output: str) -> None:
    context, now = (get_container().open_context(connection, renew_lease=refuse_writes), get_container().clock())
    planned = list(preview_expenses(context, since=now - timedelta(days=days), now=now))
    EXPENSES.print(map(_expense_row, planned), output)
    if output != "table":
        return
    imported = [each for each in planned if each.action is PlannedAction.SYNC]
    files = sum(each.files for each in imported)
    click.echo(f"Expenses that would be imported: {len(imported)}, with files: {files}.")


def _expense_row(planned: PlannedRecord) -> Mapping[str, Any]:
    _, project, account = planned.remote_id.split("/") if planned.remote_id else (None, None, None)
    return {
        "title": planned.title,
        "project_number": project and int(project),
        "account": account and int(account),
        "amount": planned.amount or None,
        "files": planned.files if planned.amount else None,
        "action": planned.action,
        "why": planned.why,
    }

"""Backfills of earlier records: a few at a time, with spare requests only, so that webhooks do not wait."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import click
import structlog

from models.admin.operations import OperationType, audit_start
from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox import due
from sync.errors import UnavailableError
from sync.money import format_kroner
from sync.onboarding.backfill import ENTITY_TYPES, Backfill
from sync.onboarding.preview import PlannedRecord
from worker import dispatch
from worker.cli import ACTOR, connection_argument, examples, on_interrupt
from worker.cli.tables import Cell, Table, output_option, progress_bar
from worker.container import get_container
from worker.handlers.onboarding import BATCH_SIZE, create_backfill, has_room, is_available

log = structlog.get_logger()
T = TypeVar("T")

PLANNED = {"entity_type": None, "record_id": None, "title": "record", "action": None, "why": "result"}
VOUCHERS = Table(
    columns={
        "day": "date",
        "voucher": "voucher",
        "customer": "customer",
        "account": "account",
        "project_number": "project",
        "vat_code": "VAT code",
        "debit": "debit",
        "credit": "credit",
    },
    amounts=frozenset({"debit", "credit"}),
)
REMAINING = Table(columns=PLANNED)
PREVIEW = Table(columns={**PLANNED, **VOUCHERS.columns}, amounts=VOUCHERS.amounts)
PROGRESS = Table(
    columns={
        "entity_type": "",
        "records": "in the period",
        "synced": "in 24SevenOffice",
        "needs_attention": "need attention",
        "pending": "pending",
    }
)

POLL_SECONDS = 0.2
"""Time between two checks for room in the lane."""

RETRY_SECONDS = 30
"""Time until an unavailable system is called again, unless it says when."""

day = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog=examples("moment24 connections backfill 'Our company' --from 2026-01-01 --to 2026-03-31 --dry-run")
)
@connection_argument
@click.option("--from", "first", type=day, required=True, help="The first day of the period, such as 2026-01-01")
@click.option("--to", "last", type=day, required=True, help="The last day of the period")
@click.option(
    "--entity-type",
    "type_names",
    multiple=True,
    type=click.Choice([entity_type.value for entity_type in ENTITY_TYPES]),
    help="Repeatable  [default: all types that the connection syncs]",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be posted, and why the rest would not")
@output_option
@on_interrupt("Workers finish the records already queued. Run the same command again to continue.")
def backfill(
    connection: Connection,
    *,
    first: datetime,
    last: datetime,
    type_names: Sequence[str],
    dry_run: bool,
    output: str,
) -> None:
    """Sync the customers, projects and invoices of a period, a few at a time, without delaying other records.

    Invoices that are already in the ledger are linked, not posted. You can stop the command at any time and run it
    again to continue. Workers do the work, so they must be running.
    """
    if first > last:
        raise click.UsageError("The period ends before it starts.")
    name, synced = connection.name, connection.settings.entity_types
    entity_types = [each for each in ENTITY_TYPES if each in (type_names or synced)]
    if not entity_types:
        raise click.ClickException(f"{name} syncs none of these: see --entity-type of connections set.")
    container = get_container()
    period = create_backfill(container, connection, first=first.date(), last=last.date())
    if dry_run:
        _preview_backfill(period, entity_types, output)
    elif left_out := [f"{each}s" for each in entity_types if each not in synced]:
        raise click.ClickException(f"{name} does not sync {', '.join(left_out)}: see connections set.")
    else:
        days = {"first": first.date().isoformat(), "last": last.date().isoformat()}
        input_ = {**days, "entity_types": ",".join(sorted(entity_types))}
        with container.database.transaction() as session:
            audit_start(session, connection.id, OperationType.BACKFILL, input_, actor=ACTOR, now=container.clock())
        _run_backfill(connection, period, entity_types, output)


def _run_backfill(
    connection: Connection, period: Backfill, entity_types: Sequence[EntityType], output: str
) -> None:
    rows: list[Mapping[str, Any]] = []
    for entity_type in entity_types:
        records = retry_while_unavailable(partial(period.records, entity_type), sleep=time.sleep)
        with progress_bar(len(records), f"{entity_type}s".ljust(9)) as advance:
            _enqueue(period, Lane(connection.id, entity_type), records, report=advance)
        rows.append(asdict(period.progress(entity_type, records)))
    PROGRESS.print(rows, output)


def _preview_backfill(period: Backfill, entity_types: Sequence[EntityType], output: str) -> None:
    planned, already_synced = period.preview_all(entity_types)
    if output != "table":
        PREVIEW.print((row for each in planned for row in _preview_rows(each)), output)
        return
    posted = [(each, each.voucher) for each in planned if each.voucher]
    if posted:
        click.echo(VOUCHERS.text(row for each, _ in posted for row in _preview_rows(each)) + "\n")
    if rest := [each for each in planned if not each.voucher]:
        click.echo(REMAINING.text(row for each in rest for row in _preview_rows(each)) + "\n")
    total = format_kroner(sum(voucher.entries[0].amount for _, voucher in posted))
    click.echo(f"Already synced or in progress: {already_synced}.")
    click.echo(f"Vouchers that would be posted: {len(posted)}, {total} kroner in total. Nothing was written.")


def _preview_rows(planned: PlannedRecord) -> Iterator[Mapping[str, Any]]:
    """Yield rows about a planned record: one for each entry of its voucher, or a single one."""
    record = {
        "entity_type": planned.record.entity_type,
        "record_id": planned.record.id,
        "title": planned.title,
        "action": planned.action,
        "why": planned.why,
    }
    if not (voucher := planned.voucher):
        yield dict.fromkeys(VOUCHERS.columns) | record
        return
    for index, entry in enumerate(voucher.entries):
        head = {"day": voucher.day, "voucher": planned.remote_id, "customer": planned.customer}
        yield record | {
            **{key: Cell(value, "" if index else str(value)) for key, value in head.items()},
            "account": entry.account,
            "project_number": entry.project_number or None,
            "vat_code": entry.tax_code,
            "debit": max(entry.amount, 0) or None,
            "credit": max(-entry.amount, 0) or None,
        }


def _enqueue(period: Backfill, lane: Lane, records: Sequence[Record], *, report: Callable[[int], object]) -> None:
    """Enqueue records as fast as workers sync them. Raises MisconfiguredError if the connection is paused."""
    container = get_container()
    for start in range(0, len(records), BATCH_SIZE):
        batch = records[start : start + BATCH_SIZE]
        while not has_room(container, lane):
            time.sleep(POLL_SECONDS)
        retry_while_unavailable(partial(period.enqueue, lane.entity_type, batch), sleep=time.sleep)
        dispatch.dispatch_lanes([lane])
        report(len(batch))
    while due.count(container.database, lane, now=container.clock()):
        is_available(container, lane)
        time.sleep(POLL_SECONDS)


def retry_while_unavailable(call: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Repeat a call while the system is unavailable or the requests are used up."""
    while True:
        try:
            return call()
        except UnavailableError as error:
            seconds = error.retry_after.total_seconds() if error.retry_after else RETRY_SECONDS
            log.warning("backfill_paused", because=error.message, seconds=seconds)
            sleep(seconds)

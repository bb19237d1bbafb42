"""Bringing what was there before: a few records at a time, with spare requests only, so that no event waits."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import click
import structlog

from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox import due
from sync.errors import UnavailableError
from sync.money import format_kroner
from sync.onboarding.backfill import ENTITY_TYPES, Backfill
from sync.onboarding.preview import PlannedRecord
from sync.records import Voucher
from worker import dispatch
from worker.cli import connection_argument
from worker.cli.tables import aligned
from worker.container import get_container
from worker.jobs.backfill import BATCH_SIZE, backfill_of, has_room, is_available

log = structlog.get_logger()
T = TypeVar("T")

VOUCHERS = ("date", "voucher", "customer", "account", "project", "VAT code", f"{'debit':>14}", f"{'credit':>14}")
REMAINING = ("record", "what becomes of it")
PROGRESS = ("", "of the period", "in 24SevenOffice", "need a person", "on their way")

POLL_SECONDS = 0.2
"""How soon it is looked again whether there is room for more."""

RETRY_SECONDS = 30
"""How soon a system that does not answer is asked again, unless it says when."""

day = click.DateTime(["%Y-%m-%d"])


@click.command()
@connection_argument
@click.option("--from", "first", type=day, required=True, help="The first day of the period, as 2026-01-01")
@click.option("--to", "last", type=day, required=True, help="The last day of the period")
@click.option(
    "--entity-type",
    "--kinds",
    "type_names",
    multiple=True,
    type=click.Choice([entity_type.value for entity_type in ENTITY_TYPES]),
    help="May be repeated [all that travel]",
)
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be posted, and what not and why; writes nothing"
)
def backfill(
    connection: Connection, *, first: datetime, last: datetime, type_names: Sequence[str], dry_run: bool
) -> None:
    """Bring the customers, projects and invoices of a period, a few at a time, so that nothing else waits.

    Invoices that the ledger has are linked, not posted. It may be broken off at any moment: begun again, it goes
    on where it was. Workers do the work, so they must be running.
    """
    if first > last:
        raise click.UsageError("The period ends before it begins.")
    name, synced = connection.name, connection.settings.entity_types
    entity_types = [each for each in ENTITY_TYPES if each in (type_names or synced)]
    if not entity_types:
        raise click.ClickException(f"{name} brings none of these: see --entity-type of connections set.")
    period = backfill_of(get_container(), connection, first=first.date(), last=last.date())
    if dry_run:
        _preview_backfill(period, entity_types)
    elif left_out := [f"{each}s" for each in entity_types if each not in synced]:
        raise click.ClickException(f"{name} does not bring {', '.join(left_out)}: see connections set.")
    else:
        _run_backfill(connection, period, entity_types)


def _run_backfill(connection: Connection, period: Backfill, entity_types: Sequence[EntityType]) -> None:
    rows: list[tuple[str, ...]] = [PROGRESS]
    for entity_type in entity_types:
        records = retrying(partial(period.records, entity_type), sleep=time.sleep)
        with click.progressbar(length=len(records), label=f"{entity_type}s".ljust(9), show_pos=True) as bar:
            _enqueue(period, Lane(connection.id, entity_type), records, report=bar.update)
        tally = period.progress(entity_type, records)
        counts = tally.all, tally.synced, tally.needs_attention, tally.pending
        rows.append((f"{entity_type}s", *map(str, counts)))
    click.echo(aligned(rows))


def _preview_backfill(period: Backfill, entity_types: Sequence[EntityType]) -> None:
    planned: list[PlannedRecord] = []
    brought = 0
    for entity_type in entity_types:
        records = period.records(entity_type)
        found = list(period.preview(entity_type, records))
        planned, brought = [*planned, *found], brought + len(records) - len(found)
    posted = [(each, each.voucher) for each in planned if each.voucher]
    if posted:
        rows = (row for each, voucher in posted for row in _voucher_rows(each, voucher))
        click.echo(aligned([VOUCHERS, *rows]) + "\n")
    if rest := [(each.title, each.why) for each in planned if not each.voucher]:
        click.echo(aligned([REMAINING, *rest]) + "\n")
    total = format_kroner(sum(voucher.entries[0].amount for _, voucher in posted))
    click.echo(f"Brought before, or on their way: {brought}.")
    click.echo(f"Vouchers that would be posted: {len(posted)}, {total} kroner in all. Nothing was written.")


def _voucher_rows(planned: PlannedRecord, voucher: Voucher) -> list[tuple[str, ...]]:
    """Put a voucher into rows, one for each entry; what is the same for all stands in the first."""
    head = (f"{voucher.day:%Y-%m-%d}", planned.remote_id, planned.customer)
    rows: list[tuple[str, ...]] = []
    for entry in voucher.entries:
        amount = f"{format_kroner(abs(entry.amount)):>14}"
        sides = (amount, "") if entry.amount > 0 else ("", amount)
        project = str(entry.project_number or "")
        rows.append((*(("", "", "") if rows else head), str(entry.account), project, entry.tax_code, *sides))
    return rows


def _enqueue(period: Backfill, lane: Lane, records: Sequence[Record], *, report: Callable[[int], object]) -> None:
    """Enqueue records as fast as workers sync them, and wait until none is due; ``report`` gets how many more.

    Raises MisconfiguredError where the connection is paused.
    """
    container = get_container()
    for start in range(0, len(records), BATCH_SIZE):
        some = records[start : start + BATCH_SIZE]
        while not has_room(container, lane):
            time.sleep(POLL_SECONDS)
        retrying(partial(period.enqueue, lane.entity_type, some), sleep=time.sleep)
        dispatch.dispatch_lanes([lane])
        report(len(some))
    while due.count(container.database, lane, now=container.clock()):
        is_available(container, lane)
        time.sleep(POLL_SECONDS)


def retrying(ask: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Ask until there is an answer: a system that is away, and requests that are used up, come back."""
    while True:
        try:
            return ask()
        except UnavailableError as error:
            seconds = error.retry_after.total_seconds() if error.retry_after else RETRY_SECONDS
            log.warning("backfill_paused", because=error.message, seconds=seconds)
            sleep(seconds)

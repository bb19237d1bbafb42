"""Going live: matching what both systems have, bringing what was there before, or only seeing what would come."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import click

from models.connections.repository import Connection
from models.enums import EntityType, Lane
from sync.money import format_kroner
from sync.onboarding import initial_matching
from sync.onboarding.backfill import ENTITY_TYPES, Backfill
from sync.onboarding.preview import PlannedAction, PlannedRecord, preview_expenses, refuse_writes
from sync.polling import polls
from sync.records import Voucher
from worker import dispatch
from worker.cli.tables import aligned
from worker.container import get_container
from worker.jobs.backfill import backfill_of, retrying, run

MATCHES = ("", "in Moment", "in 24SevenOffice", "what")
MATCH_LABELS: Mapping[PlannedAction, str] = {
    PlannedAction.LINKED: "linked already",
    PlannedAction.LINK: "is the same",
    PlannedAction.ASK: "to be asked",
    PlannedAction.SYNC: "new",
    PlannedAction.REJECT: "cannot come across",
}
VOUCHERS = ("date", "voucher", "customer", "account", "project", "VAT code", f"{'debit':>14}", f"{'credit':>14}")
REMAINING = ("record", "what becomes of it")
PROGRESS = ("", "of the period", "in 24SevenOffice", "need a person", "on their way")
EXPENSES = ("voucher", "project", "account", "kroner", "files", "why not")

day = click.DateTime(["%Y-%m-%d"])


@click.command("match")
@click.argument("connection", metavar="CONNECTION")
@click.option("--dry-run", is_flag=True, help="Only tell what would be linked, created and asked")
@click.option("--create", is_flag=True, help="Also bring what is new across at once, not when it changes next")
def match_(connection: str, *, dry_run: bool, create: bool) -> None:
    """Find the customers and projects of Moment that 24SevenOffice has already, and link those that are certain.

    What is not certain is asked: see `jobs list` and `jobs choose`. It may be run again at any time.
    """
    named = get_container().connections.get_by_name(connection)
    context = get_container().open_context(named, renew_lease=refuse_writes)
    planned = initial_matching.plan(context)
    if not dry_run:
        planned = initial_matching.apply(context, planned, create=create)
        dispatch.dispatch_lanes({Lane(named.id, each.record.entity_type) for each in planned})
    click.echo(aligned([MATCHES, *map(_match_row, planned)]))
    counts = Counter(each.action for each in planned)
    click.echo(", ".join(f"{label}: {counts[action]}" for action, label in MATCH_LABELS.items()))
    if counts[PlannedAction.SYNC] and not create:
        click.echo("What is new comes across when it changes next in Moment or is needed; at once with --create.")


def _match_row(each: PlannedRecord) -> tuple[str, ...]:
    what = ": ".join(filter(None, (MATCH_LABELS[each.action], each.why)))
    return (each.record.entity_type, each.title, each.remote_id, what)


@click.command()
@click.argument("connection", metavar="CONNECTION")
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
    connection: str, *, first: datetime, last: datetime, type_names: Sequence[str], dry_run: bool
) -> None:
    """Bring the customers, projects and invoices of a period, a few at a time, so that nothing else waits.

    Invoices that the ledger has are linked, not posted. It may be broken off at any moment: begun again, it goes
    on where it was. Workers do the work, so they must be running.
    """
    if first > last:
        raise click.UsageError("The period ends before it begins.")
    named = get_container().connections.get_by_name(connection)
    entity_types = [
        entity_type for entity_type in ENTITY_TYPES if entity_type in (type_names or named.settings.entity_types)
    ]
    if not entity_types:
        raise click.ClickException(f"{named.name} brings none of these: see --entity-type of connections set.")
    period = backfill_of(get_container(), named, first=first.date(), last=last.date())
    if dry_run:
        _preview_backfill(period, entity_types)
    elif left_out := [
        f"{entity_type}s" for entity_type in entity_types if entity_type not in named.settings.entity_types
    ]:
        raise click.ClickException(f"{named.name} does not bring {', '.join(left_out)}: see connections set.")
    else:
        _run_backfill(named, period, entity_types)


def _run_backfill(connection: Connection, period: Backfill, entity_types: Sequence[EntityType]) -> None:
    rows: list[tuple[str, ...]] = [PROGRESS]
    for entity_type in entity_types:
        records = retrying(partial(period.records, entity_type), sleep=time.sleep)
        with click.progressbar(length=len(records), label=f"{entity_type}s".ljust(9), show_pos=True) as bar:
            lane = Lane(connection.id, entity_type)
            run(get_container(), period, lane, records, sleep=time.sleep, report=bar.update)
        tally = period.progress(entity_type, records)
        rows.append(
            (f"{entity_type}s", *map(str, (tally.all, tally.synced, tally.needs_attention, tally.pending)))
        )
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


@click.group()
def expenses() -> None:
    """The costs in 24SevenOffice that become expenses on projects in Moment."""


@expenses.command("import")
@click.argument("connection", metavar="CONNECTION")
@click.option(
    "--days", type=click.IntRange(1, 3660), required=True, help="How many days back vouchers have changed"
)
@click.option("--dry-run", is_flag=True, help="Only tell what would come, and why the rest would not")
def import_(connection: str, *, days: int, dry_run: bool) -> None:
    """Look at the vouchers changed in the last days once more; what has been brought is not brought twice."""
    named = get_container().connections.get_by_name(connection)
    if not named.settings.expense_accounts:
        raise click.ClickException(f"{named.name} lists no accounts for expenses: see connections set.")
    if dry_run:
        _preview_expenses(named, days)
    elif EntityType.EXPENSE in named.settings.entity_types:
        _import_expenses(named, days)
    else:
        raise click.ClickException(f"{named.name} brings no expenses: see --entity-type of connections set.")


def _import_expenses(connection: Connection, days: int) -> None:
    now, erp = get_container().clock(), get_container().cached_erp(connection)
    since = now - timedelta(days=days)
    received = polls.import_expenses(get_container().database, erp, connection, since=since, now=now)
    dispatch.dispatch_lanes([Lane(connection.id, EntityType.EXPENSE)])
    click.echo(f"Vouchers due now: {received}.")


def _preview_expenses(connection: Connection, days: int) -> None:
    context, now = get_container().open_context(connection, renew_lease=refuse_writes), get_container().clock()
    planned = list(preview_expenses(context, since=now - timedelta(days=days), now=now))
    click.echo(aligned([EXPENSES, *map(_expense_row, planned)]))
    come = [each for each in planned if each.action is PlannedAction.SYNC]
    click.echo(f"Expenses that would come: {len(come)}, with files: {sum(each.files for each in come)}.")


def _expense_row(planned: PlannedRecord) -> tuple[str, ...]:
    _, project, account = planned.remote_id.split("/") if planned.remote_id else ("", "", "")
    amount, files = (format_kroner(planned.amount), str(planned.files)) if planned.amount else ("", "")
    return (planned.title, project, account, amount, files, planned.why)

"""``python -m worker connections backfill``: bringing a period from before, or only seeing what would come."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import click

from models.connections.repository import Connection
from models.enums import EntityType, Lane
from sync.money import format_kroner
from sync.onboarding.backfill import ENTITY_TYPES, Backfill
from sync.onboarding.backfill_preview import BackfillPreview, PreviewLine
from sync.records import Voucher
from worker.cli.tables import aligned
from worker.container import get_container
from worker.jobs.backfill import backfill_of, retrying, run

VOUCHERS = ("date", "voucher", "customer", "account", "project", "VAT code", f"{'debit':>14}", f"{'credit':>14}")
REMAINING = ("record", "what becomes of it")
PROGRESS = ("", "of the period", "in 24SevenOffice", "need a person", "on their way")

day = click.DateTime(["%Y-%m-%d"])


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
        _show(period, entity_types)
    elif left_out := [
        f"{entity_type}s" for entity_type in entity_types if entity_type not in named.settings.entity_types
    ]:
        raise click.ClickException(f"{named.name} does not bring {', '.join(left_out)}: see connections set.")
    else:
        _run(named, period, entity_types)


def _run(connection: Connection, period: Backfill, entity_types: Sequence[EntityType]) -> None:
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


def _show(period: Backfill, entity_types: Sequence[EntityType]) -> None:
    forecast, brought = BackfillPreview(period), 0
    outlooks: list[PreviewLine] = []
    for entity_type in entity_types:
        records = period.records(entity_type)
        found = list(forecast.of(entity_type, records))
        outlooks, brought = [*outlooks, *found], brought + len(records) - len(found)
    posted = [(each, each.voucher) for each in outlooks if each.voucher]
    if posted:
        click.echo(aligned([VOUCHERS, *(row for each, voucher in posted for row in _rows(each, voucher))]) + "\n")
    if rest := [(each.title, each.why) for each in outlooks if not each.voucher]:
        click.echo(aligned([REMAINING, *rest]) + "\n")
    total = format_kroner(sum(voucher.entries[0].amount for _, voucher in posted))
    click.echo(f"Brought before, or on their way: {brought}.")
    click.echo(f"Vouchers that would be posted: {len(posted)}, {total} kroner in all. Nothing was written.")


def _rows(line: PreviewLine, voucher: Voucher) -> list[tuple[str, ...]]:
    """Put a voucher into rows, one for each entry; what is the same for all stands in the first."""
    head = (f"{voucher.day:%Y-%m-%d}", line.number, line.customer)
    rows: list[tuple[str, ...]] = []
    for entry in voucher.entries:
        amount = f"{format_kroner(abs(entry.amount)):>14}"
        sides = (amount, "") if entry.amount > 0 else ("", amount)
        project = str(entry.project_number or "")
        rows.append((*(("", "", "") if rows else head), str(entry.account), project, entry.tax_code, *sides))
    return rows

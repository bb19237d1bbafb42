"""``python -m worker connections backfill``: bringing a period from before, or only seeing what would come."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import click

from models.words import Kind, Lane
from sync.backfill import KINDS
from sync.forecast import Forecast
from sync.vouchers import kroner
from worker.backfilling import backfill_of, bring, patiently
from worker.commands.columns import aligned
from worker.wiring import bridge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from models.connections import Connection
    from sync.backfill import Backfill
    from sync.forecast import Outlook
    from sync.records import Voucher

VOUCHERS = ("date", "voucher", "customer", "account", "project", "VAT code", f"{'debit':>14}", f"{'credit':>14}")
REST = ("record", "what becomes of it")
TALLIES = ("", "of the period", "in 24SevenOffice", "need a person", "on their way")

day = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("connection", metavar="CONNECTION")
@click.option("--from", "first", type=day, required=True, help="The first day of the period, as 2026-01-01")
@click.option("--to", "last", type=day, required=True, help="The last day of the period")
@click.option(
    "--kind",
    "--kinds",
    "chosen",
    multiple=True,
    type=click.Choice([kind.value for kind in KINDS]),
    help="May be repeated [all that travel]",
)
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be posted, and what not and why; writes nothing"
)
def backfill(connection: str, *, first: datetime, last: datetime, chosen: Sequence[str], dry_run: bool) -> None:
    """Bring the customers, projects and invoices of a period, a few at a time, so that nothing else waits.

    Invoices that the ledger has are linked, not posted. It may be broken off at any moment: begun again, it goes
    on where it was. Workers do the work, so they must be running.
    """
    if first > last:
        raise click.UsageError("The period ends before it begins.")
    named = bridge().connections.named(connection)
    kinds = [kind for kind in KINDS if kind in (chosen or named.settings.kinds)]
    if not kinds:
        raise click.ClickException(f"{named.name} brings none of these: see --kind of connections set.")
    period = backfill_of(bridge(), named, first=first.date(), last=last.date())
    if dry_run:
        _show(period, kinds)
    elif left_out := [f"{kind}s" for kind in kinds if kind not in named.settings.kinds]:
        raise click.ClickException(f"{named.name} does not bring {', '.join(left_out)}: see connections set.")
    else:
        _bring(named, period, kinds)


def _bring(connection: Connection, period: Backfill, kinds: Sequence[Kind]) -> None:
    rows: list[tuple[str, ...]] = [TALLIES]
    for kind in kinds:
        records = patiently(partial(period.records, kind), sleep=time.sleep)
        with click.progressbar(length=len(records), label=f"{kind}s".ljust(9), show_pos=True) as bar:
            lane = Lane(connection.id, kind)
            bring(bridge(), period, lane, records, sleep=time.sleep, tell=bar.update)
        tally = period.tally(kind, records)
        rows.append((f"{kind}s", *map(str, (tally.all, tally.across, tally.stuck, tally.waiting))))
    click.echo(aligned(rows))


def _show(period: Backfill, kinds: Sequence[Kind]) -> None:
    forecast, brought = Forecast(period), 0
    outlooks: list[Outlook] = []
    for kind in kinds:
        records = period.records(kind)
        found = list(forecast.of(kind, records))
        outlooks, brought = [*outlooks, *found], brought + len(records) - len(found)
    posted = [(each, each.voucher) for each in outlooks if each.voucher]
    if posted:
        click.echo(aligned([VOUCHERS, *(row for each, voucher in posted for row in _rows(each, voucher))]) + "\n")
    if rest := [(each.title, each.why) for each in outlooks if not each.voucher]:
        click.echo(aligned([REST, *rest]) + "\n")
    total = kroner(sum(voucher.entries[0].amount for _, voucher in posted))
    click.echo(f"Brought before, or on their way: {brought}.")
    click.echo(f"Vouchers that would be posted: {len(posted)}, {total} kroner in all. Nothing was written.")


def _rows(outlook: Outlook, voucher: Voucher) -> list[tuple[str, ...]]:
    """Put a voucher into rows, one for each entry; what is the same for all stands in the first."""
    head = (f"{voucher.day:%Y-%m-%d}", outlook.number, outlook.customer)
    rows: list[tuple[str, ...]] = []
    for entry in voucher.entries:
        amount = f"{kroner(abs(entry.amount)):>14}"
        sides = (amount, "") if entry.amount > 0 else ("", amount)
        project = str(entry.project_number or "")
        rows.append((*(("", "", "") if rows else head), str(entry.account), project, entry.tax_code, *sides))
    return rows

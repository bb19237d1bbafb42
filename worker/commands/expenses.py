"""``python -m worker expenses``: bringing the costs of some days by hand, or only seeing what would come."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from models.words import Kind, Lane
from sync import polling
from sync.trials import try_out
from sync.vouchers import kroner
from worker import dispatch
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from models.connections import Connection
    from sync.trials import Prospect

HEADINGS = ("voucher", "project", "account", "kroner", "files", "why not")


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
    named = bridge().connections.named(connection)
    if not named.settings.expense_accounts:
        raise click.ClickException(f"{named.name} lists no accounts for expenses: see connections set.")
    if dry_run:
        _tell(named, days)
    elif Kind.EXPENSE in named.settings.kinds:
        _receive(named, days)
    else:
        raise click.ClickException(f"{named.name} brings no expenses: see --kind of connections set.")


def _receive(connection: Connection, days: int) -> None:
    now, erp = clock(), bridge().kept_erp(connection)
    since = now - timedelta(days=days)
    received = polling.import_expenses(bridge().database, erp, connection, since=since, now=now)
    dispatch.nudge([Lane(connection.id, Kind.EXPENSE)])
    click.echo(f"Vouchers due now: {received}.")


def _tell(connection: Connection, days: int) -> None:
    desk, now = bridge().open_desk(connection, hold=_refuse), clock()
    prospects = list(try_out(desk, since=now - timedelta(days=days), now=now))
    click.echo(aligned([HEADINGS, *map(_row, prospects)]))
    come = [prospect for prospect in prospects if not prospect.why_not]
    click.echo(f"Expenses that would come: {len(come)}, with files: {sum(each.files for each in come)}.")


def _refuse() -> None:
    raise PermissionError("A dry run writes nothing.")


def _row(prospect: Prospect) -> tuple[str, ...]:
    of_expense = bool(prospect.amount)
    amount, files = (kroner(prospect.amount), str(prospect.files)) if of_expense else ("", "")
    return (prospect.title, prospect.project, prospect.account, amount, files, prospect.why_not)

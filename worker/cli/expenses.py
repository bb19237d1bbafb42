"""``python -m worker expenses``: bringing the costs of some days by hand, or only seeing what would come."""

from datetime import timedelta

import click

from models.connections.repository import Connection
from models.enums import EntityType, Lane
from sync.money import format_kroner
from sync.onboarding.expense_preview import PlannedExpense, preview
from sync.polling import polls
from worker import dispatch
from worker.cli.tables import aligned
from worker.container import clock, get_container

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
    named = get_container().connections.get_by_name(connection)
    if not named.settings.expense_accounts:
        raise click.ClickException(f"{named.name} lists no accounts for expenses: see connections set.")
    if dry_run:
        _preview(named, days)
    elif EntityType.EXPENSE in named.settings.entity_types:
        _enqueue(named, days)
    else:
        raise click.ClickException(f"{named.name} brings no expenses: see --entity-type of connections set.")


def _enqueue(connection: Connection, days: int) -> None:
    now, erp = clock(), get_container().cached_erp(connection)
    since = now - timedelta(days=days)
    received = polls.import_expenses(get_container().database, erp, connection, since=since, now=now)
    dispatch.dispatch_lanes([Lane(connection.id, EntityType.EXPENSE)])
    click.echo(f"Vouchers due now: {received}.")


def _preview(connection: Connection, days: int) -> None:
    context, now = get_container().open_context(connection, renew_lease=_refuse), clock()
    prospects = list(preview(context, since=now - timedelta(days=days), now=now))
    click.echo(aligned([HEADINGS, *map(_row, prospects)]))
    come = [planned for planned in prospects if not planned.why_not]
    click.echo(f"Expenses that would come: {len(come)}, with files: {sum(each.files for each in come)}.")


def _refuse() -> None:
    raise PermissionError("A dry run writes nothing.")


def _row(planned: PlannedExpense) -> tuple[str, ...]:
    of_expense = bool(planned.amount)
    amount, files = (format_kroner(planned.amount), str(planned.files)) if of_expense else ("", "")
    return (planned.title, planned.project, planned.account, amount, files, planned.why_not)

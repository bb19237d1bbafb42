"""``moment24 reconcile``: compares Moment with the ledger of 24SevenOffice."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

import click

from models.connections.repository import Connection
from models.enums import EntityType
from sync.error_codes.names import (
    BEFORE_FIRST_DAY,
    NO_PROJECT,
    NOT_APPROVED,
    NOT_LISTED,
    UNKNOWN_PROJECT,
    VAT_UNCLEAR,
)
from sync.money import format_kroner
from sync.onboarding.preview import refuse_writes
from sync.reconciliation import compare
from sync.reconciliation.compare import last_month, month_of, without_accepted
from sync.reconciliation.report import UNKNOWN_ACCOUNT, Discrepancy, ReconciliationReport
from worker import exit_codes
from worker.cli import examples, on_interrupt
from worker.cli.all_connections import check_each, require_one_or_all
from worker.cli.tables import SHEETS, Cell, Table, aligned, output_option, to_json
from worker.container import get_container

DISCREPANCIES = Table(
    columns={
        "entity_type": "type",
        "type": None,
        "description": "discrepancy",
        "number": "number",
        "day": "date",
        "amount": "kroner",
        "vouchers": "voucher",
        "details": "details",
    },
    amounts=frozenset({"amount"}),
)
INVOICE_LABELS = {"unwanted": "excluded", "done": "transferred elsewhere"}
SKIPPED_LABELS = {
    "removed": "removed in Moment",
    "kept": "in Moment, but excluded by the current settings",
    NOT_APPROVED: "vouchers awaiting approval",
    NOT_LISTED: "vouchers with costs on unlisted accounts",
    NO_PROJECT: "vouchers without a project",
    UNKNOWN_PROJECT: "vouchers with costs on projects not in Moment",
    BEFORE_FIRST_DAY: "vouchers before the start date",
    VAT_UNCLEAR: "vouchers with inconsistent VAT",
}
"""Records left out on purpose, by the name of their count."""

MONTH, YEAR, DAY = (click.DateTime([form]) for form in ("%Y-%m", "%Y", "%Y-%m-%d"))


@click.command(
    epilog=examples("moment24 reconcile 'Our company' --month 2026-10", "moment24 reconcile --all --output json")
)
@click.argument("connection", metavar="[CONNECTION]", required=False)
@click.option("--all", "all_connections", is_flag=True, help="Reconcile every started connection, one line each")
@click.option("--month", type=MONTH, help="A month, such as 2026-10  [default: last month]")
@click.option("--year", type=YEAR, help="A calendar year")
@click.option("--from", "first", type=DAY, help="The first day")
@click.option("--to", "last", type=DAY, help="The last day, inclusive  [default: today]")
@output_option
@on_interrupt("Nothing was changed. Run the command again, for a shorter period if it takes too long.")
def reconcile(connection: str | None, *, all_connections: bool, output: str, **days: datetime | None) -> None:
    """Reconcile Moment with the ledger without writing anything; exits with 1 on differences.

    Accepted differences are counted but don't affect the exit code. CSV lists the discrepancies, JSON has
    the whole report.
    """
    require_one_or_all(connection, all_connections=all_connections)
    if not connection:
        check_each(partial(_summary, *_days(**days)), output)
        return
    report = _reconcile(get_container().connections.get_by_name(connection), *_days(**days))
    if output in SHEETS:
        DISCREPANCIES.print(map(_row, report.all_discrepancies), output)
    else:
        click.echo(_json_of(report) if output == "json" else _text_of(report))
    if not report.agree:
        raise SystemExit(exit_codes.FINDINGS)


def _reconcile(connection: Connection, first: date, last: date) -> ReconciliationReport:
    report = compare.reconcile(get_container().open_context(connection, refuse_writes), first, last)
    return without_accepted(get_container().database, connection.id, report)


def _summary(first: date, last: date, connection: Connection) -> tuple[bool, str]:
    if not connection.settings.entity_types & {EntityType.INVOICE, EntityType.EXPENSE}:
        return True, "syncs neither invoices nor expenses"
    report = _reconcile(connection, first, last)
    summary = _match_counts(report)
    if report.is_empty:
        return True, "nothing to compare"
    if report.expenses:
        summary += f"; expenses: {_match_counts(report.expenses)}"
    return report.agree, summary


def _match_counts(report: ReconciliationReport) -> str:
    return f"{report.count('equal')} equal, {len(report.discrepancies)} different"


def _days(
    *, month: datetime | None, year: datetime | None, first: datetime | None, last: datetime | None
) -> tuple[date, date]:
    if sum(map(bool, (month, year, first))) > 1 or (last and not first):
        raise click.UsageError("Specify a month, a year, or a first day with or without a last day.")
    today = get_container().clock().date()
    if year:
        return date(year.year, 1, 1), date(year.year, 12, 31)
    if first:
        period = first.date(), last.date() if last else today
        if period[0] > period[1]:
            raise click.UsageError("The period ends before it starts.")
        return period
    return month_of(month.date() if month else last_month(today))


def _text_of(report: ReconciliationReport) -> str:
    expenses = report.expenses
    skipped = {name: label for name, label in SKIPPED_LABELS.items() if expenses and expenses.count(name)}
    parts = (
        DISCREPANCIES.text(map(_row, report.all_discrepancies)) if report.all_discrepancies else "",
        _totals(report),
        f"{report.first} to {report.last}: {_counts_line(report, INVOICE_LABELS)}",
        _rounding_line(report),
        f"Perhaps drafts, which the ledger does not show: {report.count('unseen')}." if report.drafts else "",
        _totals(expenses) if expenses else "",
        f"Expenses: {_counts_line(expenses, skipped)}" if expenses else "",
    )
    return "\n\n".join(filter(None, parts))


def _rounding_line(report: ReconciliationReport) -> str:
    count = report.count("vat_rounded")
    label = "Equal, although 24SevenOffice rounds the VAT differently (by half an øre a line at most)"
    return f"{label}: {count}." if count else ""


def _counts_line(report: ReconciliationReport, labels: Mapping[str, str]) -> str:
    left_out = "".join(f", {report.count(name)} {label}" for name, label in labels.items())
    return f"{_match_counts(report)}, {len(report.accepted)} accepted{left_out}."


def _totals(report: ReconciliationReport) -> str:
    rows: list[tuple[str, ...]] = [("account", "VAT code", "VAT %", "Moment", "ledger", "difference")]
    for each in report.totals:
        amounts = map(format_kroner, (each.moment, each.ledger, each.ledger - each.moment))
        rows.append((str(each.account or UNKNOWN_ACCOUNT), each.vat_code, each.rate, *amounts))
    heading = "Totals including VAT" if report.vat_included else "Totals of the ledger's accounts, excluding VAT"
    return f"{heading}:\n{aligned(rows)}" if report.totals else ""


def _json_of(report: ReconciliationReport) -> str:
    values = {**report.as_json(), "known": [each.as_json() for each in report.accepted]}
    if report.expenses:
        values["expenses"] |= {"known": [each.as_json() for each in report.expenses.accepted]}
    return to_json(values)


def _row(discrepancy: Discrepancy) -> Mapping[str, Any]:
    return {
        "entity_type": "expense" if discrepancy.expense else "invoice",
        "type": discrepancy.type,
        "description": discrepancy.description,
        "number": discrepancy.number,
        "day": discrepancy.day,
        "amount": discrepancy.amount,
        "vouchers": Cell(list(discrepancy.vouchers), discrepancy.voucher_names),
        "details": "; ".join(discrepancy.details),
    }

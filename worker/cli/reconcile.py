"""``python -m worker reconcile``: whether Moment and the ledger of 24SevenOffice agree."""

import csv
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from io import StringIO

import click

from models.connections.repository import Connection
from models.enums import EntityType
from sync.money import format_kroner
from sync.onboarding.preview import refuse_writes
from sync.reconciliation import compare
from sync.reconciliation.compare import last_month, month_of, without_accepted
from sync.reconciliation.report import Discrepancy, ReconciliationReport
from worker.cli.all_connections import check_each, one_or_all
from worker.cli.tables import aligned
from worker.container import get_container

HEADINGS = ("of", "what", "number", "date", "kroner", "voucher", "details")
INVOICE_LABELS = {"unwanted": "not to be transferred", "done": "transferred by somebody else"}
SKIPPED_LABELS = {
    "removed": "removed in Moment by somebody",
    "kept": "in Moment though the settings leave them out by now",
    "not_approved": "vouchers that wait for approval",
    "not_listed": "vouchers with costs on accounts that are not listed",
    "no_project": "vouchers with costs on no project",
    "unknown_project": "vouchers with costs on projects that Moment does not have",
    "before_first_day": "vouchers from before the first day",
    "vat_unclear": "vouchers whose VAT does not add up",
}
"""What was left alone on purpose, by the name of its count."""

FORMULA = re.compile(r"[=+@\t\r]|-(?!(\d| )+,\d\d$)")
"""What a spreadsheet would take a cell for that begins so; an amount below zero is none."""

MONTH, YEAR, DAY = (click.DateTime([form]) for form in ("%Y-%m", "%Y", "%Y-%m-%d"))


@click.command()
@click.argument("connection", metavar="[CONNECTION]", required=False)
@click.option(
    "--all", "everywhere", is_flag=True, help="Compare every connection that is started, a line for each"
)
@click.option("--month", type=MONTH, help="A month, such as 2026-10; the last one where nothing is said")
@click.option("--year", type=YEAR, help="A calendar year")
@click.option("--from", "first", type=DAY, help="The first day")
@click.option("--to", "last", type=DAY, help="The last day, included; today where only the first is given")
@click.option("--csv", "form", flag_value="csv", help="Tell the differences as CSV, amounts in kroner")
@click.option("--json", "form", flag_value="json", help="Tell everything as JSON, amounts in øre")
def reconcile(connection: str | None, *, everywhere: bool, form: str | None, **days: datetime | None) -> None:
    """Compare invoices and expenses in Moment with the ledger, without writing anything; fails where they differ.

    What somebody has accepted as known is counted, and no difference.
    """
    one_or_all(connection, everywhere=everywhere)
    if not connection:
        if form:
            raise click.UsageError(f"--{form} is for one connection.")
        check_each(partial(_summary, *_days(**days)))
        return
    report = _reconciled(get_container().connections.get_by_name(connection), *_days(**days))
    click.echo({"csv": _as_csv, "json": _as_json}.get(form or "", _as_table)(report), nl=form != "csv")
    if not report.agree:
        raise SystemExit(1)


def _reconciled(connection: Connection, first: date, last: date) -> ReconciliationReport:
    report = compare.reconcile(get_container().open_context(connection, refuse_writes), first, last)
    return without_accepted(get_container().database, connection.id, report)


def _summary(first: date, last: date, connection: Connection) -> tuple[bool, str]:
    if not connection.settings.entity_types & {EntityType.INVOICE, EntityType.EXPENSE}:
        return True, "brings neither invoices nor expenses"
    report = _reconciled(connection, first, last)
    told = _equal_and_different(report)
    if report.expenses:
        told += f"; expenses: {_equal_and_different(report.expenses)}"
    return report.agree, told


def _equal_and_different(report: ReconciliationReport) -> str:
    return f"{report.count('equal')} equal, {len(report.discrepancies)} different"


def _days(
    *, month: datetime | None, year: datetime | None, first: datetime | None, last: datetime | None
) -> tuple[date, date]:
    if sum(map(bool, (month, year, first))) > 1 or (last and not first):
        raise click.UsageError("Give a month, a year, or a first day with or without a last one.")
    today = get_container().clock().date()
    if year:
        return date(year.year, 1, 1), date(year.year, 12, 31)
    if first:
        period = first.date(), last.date() if last else today
        if period[0] > period[1]:
            raise click.UsageError("The period ends before it begins.")
        return period
    return month_of(month.date() if month else last_month(today))


def _as_table(report: ReconciliationReport) -> str:
    expenses = report.expenses
    skipped = {name: label for name, label in SKIPPED_LABELS.items() if expenses and expenses.count(name)}
    parts = (
        aligned([HEADINGS, *map(_row, report.all_discrepancies)]) if report.all_discrepancies else "",
        _totals(report),
        f"{report.first} to {report.last}: {_counts(report, INVOICE_LABELS)}",
        _rounded(report),
        f"Perhaps drafts, which the ledger does not show: {report.count('unseen')}." if report.drafts else "",
        _totals(expenses) if expenses else "",
        f"Expenses: {_counts(expenses, skipped)}" if expenses else "",
    )
    return "\n\n".join(filter(None, parts))


def _rounded(report: ReconciliationReport) -> str:
    count = report.count("vat_rounded")
    what = "Equal, with VAT that 24SevenOffice rounds otherwise, by half an øre a line at most"
    return f"{what}: {count}." if count else ""


def _counts(report: ReconciliationReport, labels: Mapping[str, str]) -> str:
    left = "".join(f", {report.count(name)} {label}" for name, label in labels.items())
    return f"{_equal_and_different(report)}, {len(report.accepted)} known{left}."


def _totals(report: ReconciliationReport) -> str:
    rows: list[tuple[str, ...]] = [("account", "VAT code", "VAT %", "Moment", "ledger", "difference")]
    for each in report.totals:
        amounts = map(format_kroner, (each.moment, each.ledger, each.ledger - each.moment))
        rows.append((str(each.account), each.vat_code, each.rate, *amounts))
    return aligned(rows)


def _as_csv(report: ReconciliationReport) -> str:
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(HEADINGS)
    rows.writerows([_escaped(cell) for cell in _row(each)] for each in report.all_discrepancies)
    return text.getvalue()


def _escaped(cell: str) -> str:
    """Keep a spreadsheet from working out what somebody has written into either system."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _as_json(report: ReconciliationReport) -> str:
    told = {**report.as_json(), "known": [each.as_json() for each in report.accepted]}
    if report.expenses:
        told["expenses"] |= {"known": [each.as_json() for each in report.expenses.accepted]}
    return json.dumps(told, ensure_ascii=False, indent=2)


def _row(discrepancy: Discrepancy) -> tuple[str, ...]:
    return (
        "expense" if discrepancy.expense else "invoice",
        discrepancy.description,
        discrepancy.number,
        discrepancy.day.isoformat(),
        format_kroner(discrepancy.amount),
        discrepancy.voucher_names,
        "; ".join(discrepancy.details),
    )

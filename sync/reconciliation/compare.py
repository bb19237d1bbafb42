"""The comparison of Moment with the ledger, in few calls; :mod:`.differences` says what a difference is."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta

from models.admin import discrepancies
from models.admin.operations import Operation
from models.connections.account_ranges import AccountRanges
from models.database import Database
from models.enums import EntityType
from sync.engine.context import SyncContext
from sync.reconciliation.expenses import ExpenseSources
from sync.reconciliation.invoices import MARGIN, InvoiceSources
from sync.reconciliation.report import DiscrepancyType, ReconciliationReport
from sync.records import BookedVouchers

A_DAY = timedelta(days=1)

FOUND_OUTSIDE_THE_PERIOD = frozenset({DiscrepancyType.MISSING, DiscrepancyType.MOMENT_ONLY})
"""The types that a voucher with a date outside the period may explain."""


def reconcile(context: SyncContext, first: date, last: date) -> ReconciliationReport:
    """Compare the invoices and expenses of these days, if synced, with a call for each month.

    If an invoice or a cost is missing in the ledger, the rest of its fiscal year is read too, for another date.
    """
    invoices = InvoiceSources(context, first, last)
    expenses = (
        ExpenseSources(context, first, last) if EntityType.EXPENSE in context.settings.entity_types else None
    )

    def compare(booked: BookedVouchers) -> ReconciliationReport:
        report = invoices.report(booked.sales)
        return replace(report, expenses=expenses.report(booked.supplier_vouchers)) if expenses else report

    costs = expenses.listed if expenses else AccountRanges(())
    booked = context.erp.booked(first, last, costs=costs)
    report = compare(booked)
    if any(each.type in FOUND_OUTSIDE_THE_PERIOD for each in report.all_discrepancies) or (
        expenses and expenses.has_partial_vouchers(booked)
    ):
        years = [year for year in context.erp.fiscal_years() if year.starts <= last and first <= year.ends]
        start = min((year.starts for year in years), default=first) - MARGIN
        end = max((year.ends for year in years), default=last) + MARGIN
        before = context.erp.booked(start, first - A_DAY, costs=costs)
        after = context.erp.booked(last + A_DAY, end, costs=costs)
        report = compare(booked.within(before, after))
    return report


def without_accepted(database: Database, connection_id: int, report: ReconciliationReport) -> ReconciliationReport:
    accepted = discrepancies.acceptances(database, connection_id)
    return report.separate_accepted({(key, each.fingerprint) for key, each in accepted.items()})


def recorded_report(database: Database, operation: Operation) -> ReconciliationReport | None:
    """Return the report as it was then, without what it left out as accepted; None without a report."""
    stored_report = (operation.result or {}).get("report")
    if stored_report is None:
        return None
    acceptances = discrepancies.acceptances_in(database, operation)
    report = ReconciliationReport.from_json(stored_report)
    return report.separate_accepted({(key, each.fingerprint) for key, each in acceptances.items()})


def month_of(day: date) -> tuple[date, date]:
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def last_month(today: date) -> date:
    return today.replace(day=1) - A_DAY

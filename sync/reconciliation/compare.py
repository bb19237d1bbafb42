"""Gathers both sides of the books for a comparison, in few calls however many invoices there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from models.connections.account_ranges import AccountRanges
from models.enums import EntityType, Lane
from models.inbox import links
from sync.engine.context import SyncContext, is_int32
from sync.reconciliation.expense_sources import ExpenseSources
from sync.reconciliation.invoices import InvoiceSides, reconcile_invoices
from sync.reconciliation.report import DiscrepancyType, ReconciliationReport
from sync.reconciliation.voucher_differences import UNKNOWN
from sync.records import BookedVouchers, Invoice, PostedLine, Voucher
from sync.rules.vouchers import voucher_of

MARGIN = timedelta(days=31)
"""How far around the days both sides are looked at, to know what is dated otherwise in the other system."""

A_DAY = timedelta(days=1)

FOUND_OUTSIDE_THE_PERIOD = frozenset({DiscrepancyType.MISSING, DiscrepancyType.MOMENT_ONLY})
"""What may stand in the ledger under another date."""


def reconcile(context: SyncContext, first: date, last: date) -> ReconciliationReport:
    """Compare the invoices and the expenses of these days, each where they travel; nothing is written anywhere.

    24SevenOffice is asked once for each month. Only where an invoice or a cost is missing in the ledger, the rest
    of its fiscal year is read as well, as it may stand there under another date.
    """
    entity_types = context.settings.entity_types
    invoices = (
        context.moment.invoices_of(first - MARGIN, last + MARGIN) if EntityType.INVOICE in entity_types else ()
    )
    gathered = _Gathered(context, list(invoices))
    spending = ExpenseSources(context, first, last) if EntityType.EXPENSE in entity_types else None
    costs = spending.listed if spending else AccountRanges(())
    booked = context.erp.booked(first, last, costs=costs)
    report = gathered.report(first, last, booked, spending)
    if any(each.type in FOUND_OUTSIDE_THE_PERIOD for each in report.all_discrepancies) or (
        spending and spending.in_part(booked)
    ):
        years = [year for year in context.erp.fiscal_years() if year.starts <= last and first <= year.ends]
        start = min((year.starts for year in years), default=first) - MARGIN
        end = max((year.ends for year in years), default=last) + MARGIN
        before = context.erp.booked(start, first - A_DAY, costs=costs)
        after = context.erp.booked(last + A_DAY, end, costs=costs)
        report = gathered.report(first, last, booked.within(before, after), spending)
    return report


class _Gathered:
    """The invoices, and what their vouchers are made of."""

    def __init__(self, context: SyncContext, invoices: Sequence[Invoice]) -> None:
        self._desk = context
        self._invoices = invoices
        self._tax_codes = context.erp.tax_codes()
        self._linked = _linked(context, EntityType.INVOICE, [each.id for each in invoices])
        self._customers = self._numbers(EntityType.CUSTOMER, {each.customer_id for each in invoices})
        lines = (line for each in invoices for line in each.lines)
        self._projects = self._numbers(
            EntityType.PROJECT, {each.project_id for each in invoices} | {line.project_id for line in lines}
        )

    def report(
        self, first: date, last: date, booked: BookedVouchers, spending: ExpenseSources | None
    ) -> ReconciliationReport:
        """Compare with what is booked."""
        sales = booked.sales if EntityType.INVOICE in self._desk.settings.entity_types else ()
        report = reconcile_invoices(self._sides(first, last, sales))
        return replace(report, expenses=spending.report(booked.supplier_vouchers)) if spending else report

    def _sides(self, first: date, last: date, lines: Sequence[PostedLine]) -> InvoiceSides:
        settings, years = self._desk.settings, self._desk.erp.fiscal_years()

        def year_of(day: date) -> int:
            return next((year.number for year in years if year.starts <= day <= year.ends), day.year)

        return InvoiceSides(
            first,
            last,
            self._invoices,
            lines,
            expected=self._expected,
            linked=self._linked,
            year_of=year_of,
            receivables=settings.receivables_account,
            drafts=settings.posting == "draft",
            rates=self._desk.erp.vat_codes(),
        )

    def _expected(self, invoice: Invoice) -> Voucher:
        settings = self._desk.settings
        return voucher_of(
            invoice,
            customer_number=settings.factoring_id or self._customers.get(invoice.customer_id, UNKNOWN),
            project_number=lambda project_id: self._projects.get(project_id, UNKNOWN),
            tax_codes=self._tax_codes,
            settings=settings,
            comment="",
        )

    def _numbers(self, entity_type: EntityType, ids: Collection[str]) -> Mapping[str, int]:
        """Tell the numbers of customers or projects by their Moment ids, of those that have one."""
        known = sorted(filter(None, ids))
        if entity_type in self._desk.settings.entity_types:
            return {key: int(number) for key, number in _linked(self._desk, entity_type, known).items()}
        moment = self._desk.moment
        read = moment.customer if entity_type is EntityType.CUSTOMER else moment.project
        with moment.reading_ahead(entity_type, known):
            found = {each: read(each) for each in known}
        return {key: int(each.number) for key, each in found.items() if each and is_int32(each.number)}


def _linked(context: SyncContext, entity_type: EntityType, ids: Sequence[str]) -> Mapping[str, str]:
    found = links.find_many(context.database, Lane(context.connection.id, entity_type), ids)
    return {key: link.remote_id for key, link in found.items()}

"""Gathers both sides of the books for a comparison, in few calls however many invoices there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from models import links
from models.accounts import AccountRanges
from models.words import Kind, Lane
from sync.books.deviations import UNKNOWN
from sync.books.differences import Standing
from sync.books.invoices import Sides, reconcile
from sync.books.spending import Spending
from sync.desk import is_int32
from sync.vouchers import voucher_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sync.books.differences import Report
    from sync.books.held import Booked
    from sync.desk import Desk
    from sync.records import Invoice, PostedLine, Voucher

MARGIN = timedelta(days=31)
"""How far around the days both sides are looked at, to know what is dated otherwise in the other system."""

A_DAY = timedelta(days=1)

ELSEWHERE = frozenset({Standing.MISSING, Standing.MOMENT_ONLY})
"""What may stand in the ledger under another date."""


def compare(desk: Desk, first: date, last: date) -> Report:
    """Compare the invoices and the expenses of these days, each where they travel; nothing is written anywhere.

    24SevenOffice is asked once for each month. Only where an invoice or a cost is missing in the ledger, the rest
    of its fiscal year is read as well, as it may stand there under another date.
    """
    kinds = desk.settings.kinds
    invoices = desk.moment.invoices_of(first - MARGIN, last + MARGIN) if Kind.INVOICE in kinds else ()
    gathered = _Gathered(desk, list(invoices))
    spending = Spending(desk, first, last) if Kind.EXPENSE in kinds else None
    costs = spending.listed if spending else AccountRanges(())
    booked = desk.erp.booked(first, last, costs=costs)
    report = gathered.report(first, last, booked, spending)
    if any(each.standing in ELSEWHERE for each in report.everything) or (spending and spending.in_part(booked)):
        years = [year for year in desk.erp.fiscal_years() if year.starts <= last and first <= year.ends]
        start = min((year.starts for year in years), default=first) - MARGIN
        end = max((year.ends for year in years), default=last) + MARGIN
        before = desk.erp.booked(start, first - A_DAY, costs=costs)
        after = desk.erp.booked(last + A_DAY, end, costs=costs)
        report = gathered.report(first, last, booked.amid(before, after), spending)
    return report


class _Gathered:
    """The invoices, and what their vouchers are made of."""

    def __init__(self, desk: Desk, invoices: Sequence[Invoice]) -> None:
        self._desk = desk
        self._invoices = invoices
        self._tax_codes = desk.erp.tax_codes()
        self._linked = _linked(desk, Kind.INVOICE, [each.id for each in invoices])
        self._customers = self._numbers(Kind.CUSTOMER, {each.customer_id for each in invoices})
        lines = (line for each in invoices for line in each.lines)
        self._projects = self._numbers(
            Kind.PROJECT, {each.project_id for each in invoices} | {line.project_id for line in lines}
        )

    def report(self, first: date, last: date, booked: Booked, spending: Spending | None) -> Report:
        """Compare with what is booked."""
        sales = booked.sales if Kind.INVOICE in self._desk.settings.kinds else ()
        report = reconcile(self._sides(first, last, sales))
        return replace(report, expenses=spending.report(booked.purchases)) if spending else report

    def _sides(self, first: date, last: date, lines: Sequence[PostedLine]) -> Sides:
        settings, years = self._desk.settings, self._desk.erp.fiscal_years()

        def year_of(day: date) -> int:
            return next((year.number for year in years if year.starts <= day <= year.ends), day.year)

        return Sides(
            first,
            last,
            self._invoices,
            lines,
            wanted=self._wanted,
            linked=self._linked,
            year_of=year_of,
            receivables=settings.receivables_account,
            drafts=settings.posting == "draft",
            rates=self._desk.erp.vat_codes(),
        )

    def _wanted(self, invoice: Invoice) -> Voucher:
        settings = self._desk.settings
        return voucher_of(
            invoice,
            customer_number=settings.factoring_id or self._customers.get(invoice.customer_id, UNKNOWN),
            project_number=lambda project_id: self._projects.get(project_id, UNKNOWN),
            tax_codes=self._tax_codes,
            settings=settings,
            comment="",
        )

    def _numbers(self, kind: Kind, ids: Collection[str]) -> Mapping[str, int]:
        """Tell the numbers of customers or projects by their Moment ids, of those that have one."""
        known = sorted(filter(None, ids))
        if kind in self._desk.settings.kinds:
            return {key: int(number) for key, number in _linked(self._desk, kind, known).items()}
        moment = self._desk.moment
        read = moment.customer if kind is Kind.CUSTOMER else moment.project
        with moment.reading_ahead(kind, known):
            found = {each: read(each) for each in known}
        return {key: int(each.number) for key, each in found.items() if each and is_int32(each.number)}


def _linked(desk: Desk, kind: Kind, ids: Sequence[str]) -> Mapping[str, str]:
    found = links.several(desk.database, Lane(desk.connection.id, kind), ids)
    return {key: link.remote_id for key, link in found.items()}

"""Reconciliation of invoices: Moment's invoices against the ledger of 24SevenOffice."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import chain

from models.enums import EntityType, Lane
from models.inbox import links
from sync.engine.context import SyncContext
from sync.error_codes.names import BEFORE_FIRST_DAY
from sync.errors import RejectedError
from sync.money import format_rate
from sync.reconciliation.differences import (
    UNKNOWN,
    compare_voucher,
    vat_code_of,
    vat_is_rounded_otherwise,
)
from sync.reconciliation.report import Discrepancy, DiscrepancyType, ReconciliationReport, Total
from sync.records import Chart, ExportStatus, Invoice, LedgerLine, Voucher, rates_of, year_name
from sync.rules.record_numbers import is_int32
from sync.rules.vat_allocation import VAT_ACCOUNTS
from sync.rules.vouchers import voucher_of

MARGIN = timedelta(days=31)
"""How far around the period both sides are read, to find vouchers with another date in the other system."""

UNKNOWN_VAT_ACCOUNT = 0
"""The account of VAT if 24SevenOffice does not return it."""

OUTGOING = frozenset({"", "InvoiceCustomer", "CreditnoteCustomer"})
"""Voucher types that the integration posts; an unknown type may be one of them."""


class InvoiceSources:
    """Moment's finalized invoices of some days, and the vouchers that they were posted as, by Moment's id."""

    def __init__(self, context: SyncContext, first: date, last: date) -> None:
        self.context, self.first, self.last = context, first, last
        self.synced = EntityType.INVOICE in context.settings.entity_types
        self.invoices = list(context.moment.invoices_of(first - MARGIN, last + MARGIN)) if self.synced else []
        self._chart = Chart(context.erp.tax_codes(), context.erp.vat_codes())
        self.rates = rates_of(self._chart.vat_codes)
        self.vat_accounts = {UNKNOWN_VAT_ACCOUNT, *VAT_ACCOUNTS} | {
            each.account for each in self._chart.vat_codes.values() if each.account
        }
        self._years = context.erp.fiscal_years()
        self.linked = self._linked(EntityType.INVOICE, [each.id for each in self.invoices])
        self._customers = self._numbers(EntityType.CUSTOMER, {each.customer_id for each in self.invoices})
        lines = (line for each in self.invoices for line in each.lines)
        self._projects = self._numbers(
            EntityType.PROJECT, {each.project_id for each in self.invoices} | {line.project_id for line in lines}
        )

    def report(self, sales: Sequence[LedgerLine]) -> ReconciliationReport:
        """Return the discrepancies by invoice number, then of vouchers, in ``sales``, without an invoice."""
        return _InvoiceReconciliation(self, sales if self.synced else ()).report()

    def expected(self, invoice: Invoice) -> Voucher:
        """Make the voucher that an invoice should have. Raises :class:`RejectedError`."""
        settings = self.context.settings
        return voucher_of(
            invoice,
            customer_number=settings.factoring_id or self._customers.get(invoice.customer_id, UNKNOWN),
            project_number=lambda project_id: self._projects.get(project_id, UNKNOWN),
            chart=self._chart,
            settings=settings,
            comment="",
        )

    def year_of(self, day: date) -> str:
        """Return the name of the fiscal year of a day."""
        return year_name(day, self._years)

    def _numbers(self, entity_type: EntityType, ids: Collection[str]) -> Mapping[str, int]:
        """Return the numbers of customers or projects, if they have one, by Moment id."""
        record_ids = sorted(filter(None, ids))
        if entity_type in self.context.settings.entity_types:
            return {key: int(number) for key, number in self._linked(entity_type, record_ids).items()}
        moment = self.context.moment
        read = moment.customer if entity_type is EntityType.CUSTOMER else moment.project
        with moment.reading_ahead(entity_type, record_ids):
            found = {record_id: read(record_id) for record_id in record_ids}
        return {key: int(each.number) for key, each in found.items() if each and is_int32(each.number)}

    def _linked(self, entity_type: EntityType, ids: Sequence[str]) -> Mapping[str, str]:
        lane = Lane(self.context.connection.id, entity_type)
        return {key: link.remote_id for key, link in links.find_many(self.context.database, lane, ids).items()}


@dataclass
class _InvoiceReconciliation:
    sources: InvoiceSources
    lines: Sequence[LedgerLine]
    discrepancies: list[Discrepancy] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    matched: set[str] = field(default_factory=set)
    excluded: set[str] = field(default_factory=set)
    sums: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def report(self) -> ReconciliationReport:
        sources = self.sources
        self.receivables = sources.context.settings.receivables_account
        self.drafts = sources.context.settings.posting == "draft"
        self.vouchers = self._vouchers()
        self.by_number, self.by_link = self._indexes()
        for invoice in sorted(sources.invoices, key=lambda each: (each.number or 0, each.id)):
            names = self._names(invoice)
            self.matched.update(names)
            if self._concerned(invoice.day, names):
                self.discrepancies += self._check(invoice, names)
        for name, lines in self.vouchers.items():
            self._add_up(name, lines)
            if name not in self.matched and any(map(self._inside, lines)):
                self.discrepancies.append(self._ledger_only(name, lines))
        counts = {name: count for name, count in self.counts.items() if count}
        return ReconciliationReport(
            sources.first,
            sources.last,
            counts,
            self._totals(),
            self.discrepancies,
            drafts=self.drafts,
            vat_included=False,
        )

    def _vouchers(self) -> dict[str, list[LedgerLine]]:
        vouchers: dict[str, list[LedgerLine]] = defaultdict(list)
        for line in self.lines:
            vouchers[f"{self.sources.year_of(line.day)}-{line.type}-{line.voucher_number}"].append(line)
        return vouchers

    def _indexes(self) -> tuple[Mapping[str, Iterable[str]], Mapping[str, Iterable[str]]]:
        by_number: dict[str, dict[str, None]] = defaultdict(dict)
        by_link: dict[str, dict[str, None]] = defaultdict(dict)
        for name, lines in self.vouchers.items():
            year, _, number = name.split("-")
            if any(line.system_type in OUTGOING for line in lines):
                by_link[f"{year}/{number}"][name] = None
            for line in lines:
                if line.invoice_number:
                    by_number[line.invoice_number][name] = None
        return by_number, by_link

    def _names(self, invoice: Invoice) -> tuple[str, ...]:
        """Return the vouchers of an invoice: all with its number, otherwise the one that it was posted as."""
        numbered = tuple(self.by_number.get(str(invoice.number), ()))
        return numbered or tuple(self.by_link.get(self.sources.linked.get(invoice.id, ""), ()))

    def _concerned(self, day: date, names: Iterable[str]) -> bool:
        """Return whether an invoice or its voucher is of these days; an unreadable day counts."""
        nearby = chain.from_iterable(self.vouchers[name] for name in names)
        own = day == day.min or self.sources.first <= day <= self.sources.last
        return own or any(map(self._inside, nearby))

    def _inside(self, line: LedgerLine) -> bool:
        return not line.hidden and self.sources.first <= line.day <= self.sources.last

    def _check(self, invoice: Invoice, names: tuple[str, ...]) -> Iterator[Discrepancy]:
        if invoice.export_status is not ExportStatus.TO_TRANSFER and invoice.id not in self.sources.linked:
            self.counts[invoice.export_status] += 1
            self.excluded.update(names)
            return
        if self._is_early(invoice) and not names:
            self.counts[BEFORE_FIRST_DAY] += 1
            return
        if invoice.unreadable:
            yield _about(invoice)(DiscrepancyType.UNREADABLE, vouchers=names, because=invoice.unreadable)
            return
        try:
            expected = self.sources.expected(invoice)
        except RejectedError as refusal:
            yield _about(invoice)(DiscrepancyType.UNREADABLE, vouchers=names, because=refusal.message)
            return
        if self.sources.first <= invoice.day <= self.sources.last:
            self._expect(expected)
        yield from self._compare(invoice, expected, names)

    def _is_early(self, invoice: Invoice) -> bool:
        """Return whether the settings leave an invoice out because of its date."""
        first_day = self.sources.context.settings.invoice_from
        return (
            first_day is not None and date.min < invoice.day < first_day and invoice.id not in self.sources.linked
        )

    def _compare(self, invoice: Invoice, expected: Voucher, names: tuple[str, ...]) -> Iterator[Discrepancy]:
        """Compare an invoice's expected voucher with the ledger."""
        visible = tuple(name for name in names if any(not line.hidden for line in self.vouchers[name]))
        lines = [line for name in visible for line in self.vouchers[name]]
        amount = expected.receivable.amount
        about = partial(_about(invoice), amount=amount)
        if not lines and not expected.counter_entries:  # there is nothing to post
            self.counts["equal"] += 1
            return
        if not lines:
            unseen = self.drafts and invoice.id in self.sources.linked
            if unseen and not names:
                self.counts["unseen"] += 1
            else:
                yield about(DiscrepancyType.HIDDEN if names else DiscrepancyType.MISSING, vouchers=names)
            return
        found = compare_voucher(expected, lines, rates=self.sources.rates)
        if not found:
            self.counts["equal"] += 1
            self.counts["vat_rounded"] += vat_is_rounded_otherwise(expected, lines)
        elif len(visible) > 1 and _cancel_out(lines):
            yield about(DiscrepancyType.REVERSED, vouchers=visible)
        elif len(visible) > 1 and abs(self._owed(lines)) != abs(amount):
            yield about(DiscrepancyType.DUPLICATED, vouchers=visible)
        else:
            yield about(DiscrepancyType.DIFFERENT, vouchers=visible, differences=tuple(found))

    def _ledger_only(self, name: str, lines: Sequence[LedgerLine]) -> Discrepancy:
        number = next((line.invoice_number for line in lines if line.invoice_number), "")
        return Discrepancy(
            DiscrepancyType.LEDGER_ONLY, number, lines[0].day, vouchers=(name,), amount=self._owed(lines)
        )

    def _owed(self, lines: Iterable[LedgerLine]) -> int:
        return sum(line.amount for line in lines if line.account == self.receivables and not line.hidden)

    def _expect(self, expected: Voucher) -> None:
        self.sums[expected.receivable.account, ""][0] += expected.receivable.amount
        for part in expected.revenue:
            self.sums[part.account, vat_code_of(part.tax_code)][0] += part.net
        for vat in expected.vat:
            self.sums[vat.account or UNKNOWN_VAT_ACCOUNT, ""][0] += vat.amount

    def _add_up(self, name: str, lines: Iterable[LedgerLine]) -> None:
        """Add a voucher of these days to the totals, unless its invoice is excluded from the sync."""
        if name in self.excluded:
            return
        for line in filter(self._inside, lines):
            coded = line.account != self.receivables and line.account not in self.sources.vat_accounts
            self.sums[line.account, vat_code_of(line.vat_code) if coded else ""][1] += line.amount

    def _totals(self) -> list[Total]:
        """Return the totals by account; VAT has one total if 24SevenOffice does not return its account."""
        sums, of_vat = self.sums, self.sources.vat_accounts
        if any(sums.get((UNKNOWN_VAT_ACCOUNT, ""), ())):
            sums = defaultdict(lambda: [0, 0])
            for (account, code), sides in self.sums.items():
                into = sums[UNKNOWN_VAT_ACCOUNT if account in of_vat else account, code]
                into[:] = map(sum, zip(into, sides, strict=True))
        rates = {code: format_rate(rate) for code, rate in self.sources.rates.items()}
        return [
            Total(account, code, moment, ledger, rates.get(code, ""))
            for (account, code), (moment, ledger) in sorted(sums.items())
            if moment or ledger
        ]


def _about(invoice: Invoice) -> partial[Discrepancy]:
    return partial(Discrepancy, number=str(invoice.number or ""), day=invoice.day, moment_id=invoice.id)


def _cancel_out(lines: Iterable[LedgerLine]) -> bool:
    sums: dict[int, int] = defaultdict(int)
    for line in lines:
        sums[line.account] += 0 if line.hidden else line.amount
    return not any(sums.values())

"""Reconciliation of expenses: the costs in the ledger against Moment's expenses.

The report counts the expenses that are ``equal``, ``removed`` in Moment by a person, or ``kept`` there although
the settings now leave them out, the vouchers that are ``not_approved``, and vouchers with skipped lines by error
code.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial

from i18n.messages import msg
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from models.inbox.links import LinkState
from sync.engine.context import SyncContext
from sync.error_codes.names import NOT_APPROVED
from sync.flows.documents import merge_documents, supplier_and_invoice_number
from sync.reconciliation.differences import (
    NOTHING,
    ComparedField,
    FieldDifference,
    compare_expense,
    day_or_nothing,
)
from sync.reconciliation.report import Discrepancy, DiscrepancyType, ReconciliationReport, Total
from sync.records import (
    BookedVouchers,
    ExistingExpense,
    ExpenseDraft,
    LedgerLine,
    VoucherDocuments,
    is_partial,
    rates_of,
)
from sync.rules.expense_mapping import (
    Cost,
    VoucherCosts,
    costs_of,
    drafts_of,
    external_id,
    key_of,
    supplier_invoice_of,
    visible_lines,
)
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, stamps_of

OUR_PREFIX = external_id("")
KEY = re.compile(r"(([1-9][0-9]{3})-[0-9]{1,9}-[0-9]{1,9})/[0-9]{1,10}/([0-9]{1,5})")
"""Voucher with its year, project and account. A person may enter any other external id in Moment."""

INVOICED = msg("It is invoiced in Moment, and can no longer be changed.")
UNLINKED = msg("The integration has no link to it: if it doesn't belong there, delete it in Moment.")


class ExpenseSources:
    """The expenses of some days: Moment's by external id, links by our key, and the ``listed`` accounts."""

    def __init__(self, context: SyncContext, first: date, last: date) -> None:
        self._context, self.settings = context, context.settings
        self.first, self.last = first, last
        self.listed = AccountRanges.parse(context.settings.expense_accounts)
        self.expenses: dict[str, list[ExistingExpense]] = defaultdict(list)
        for each in context.moment.expenses_from(first):
            self.expenses[each.external_id].append(each)
        self.links = context.links_by_prefix(EntityType.EXPENSE, "")
        projects = context.links_by_prefix(EntityType.PROJECT, "")
        self._ids = {number: moment_id for number, (moment_id, _) in projects.items()}
        self._numbers = {moment_id: number for number, moment_id in self._ids.items()}
        self.project_id = cache(self._find_project)
        self._rates = rates_of(context.erp.vat_codes())
        self._documents: dict[int, VoucherDocuments] = {}

    def report(self, supplier_vouchers: Mapping[str, Sequence[LedgerLine]]) -> ReconciliationReport:
        """Return the discrepancies, voucher by voucher, then of expenses without a cost in the ledger."""
        years = self._context.erp.fiscal_years()
        complete = {each.number for each in years if each.starts <= self.last and self.first <= each.ends}
        return _ExpenseReconciliation(self, supplier_vouchers, complete).report()

    def has_partial_vouchers(self, booked: BookedVouchers) -> bool:
        """Return whether some voucher with costs also has lines on other days."""
        return any(
            is_partial(lines) and any(line.account in self.listed for line in lines)
            for lines in booked.supplier_vouchers.values()
        )

    def concerns(self, day: date | None) -> bool:
        """Return whether a day is one of these days; an unreadable day counts."""
        return day is None or self.first <= day <= self.last

    def project_number(self, project_id: str) -> str:
        if project_id not in self._numbers:
            project = self._context.moment.project(project_id)
            self._numbers[project_id] = project.number if project else ""
        return self._numbers[project_id]

    def costs_of(self, lines: Sequence[LedgerLine]) -> VoucherCosts:
        return costs_of(lines, settings=self.settings, project_id=self.project_id, rates=self._rates)

    def documents_of(self, stamps: Collection[int]) -> Mapping[int, VoucherDocuments]:
        """Read the documents of stamps that have not been read yet."""
        unknown = set(stamps) - self._documents.keys()
        if unknown:
            self._documents |= self._context.erp.documents_of(unknown)
        return self._documents

    def _find_project(self, number: int) -> str | None:
        return self._ids.get(str(number)) or self._context.moment.project_numbered(number)


@dataclass(frozen=True, slots=True)
class _SupplierVoucher:
    name: str
    lines: Sequence[LedgerLine]
    costs: Sequence[Cost]
    stamps: Collection[int]


@dataclass(frozen=True, slots=True)
class _Drafted:
    """An expense as it should be by the ledger, with our key and the cost that it comes from."""

    supplier_voucher: _SupplierVoucher
    key: str
    draft: ExpenseDraft
    cost: Cost

    @property
    def about(self) -> partial[Discrepancy]:
        return partial(
            Discrepancy,
            number=self.draft.invoice_number,
            day=self.draft.day,
            vouchers=(self.supplier_voucher.name,),
            amount=self.draft.amount,
            expense=self.key,
        )


@dataclass
class _ExpenseReconciliation:
    sources: ExpenseSources
    supplier_vouchers: Mapping[str, Sequence[LedgerLine]]
    years: Collection[int]
    discrepancies: list[Discrepancy] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    checked: set[str] = field(default_factory=lambda: {OUR_PREFIX})
    pending: set[str] = field(default_factory=set)
    sums: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def report(self) -> ReconciliationReport:
        sources = self.sources
        self.linked = {key.partition("/")[0] for key in sources.links}
        vouchers = [
            found for name, lines in self.supplier_vouchers.items() if (found := self._voucher(name, lines))
        ]
        documents = sources.documents_of({stamp for voucher in vouchers for stamp in voucher.stamps})
        for voucher in sorted(vouchers, key=lambda each: [int(part) for part in each.name.split("-")]):
            self.discrepancies += self._check(
                voucher, merge_documents(documents[stamp] for stamp in sorted(voucher.stamps))
            )
        for external, expenses in sorted(sources.expenses.items()):
            if external.startswith(OUR_PREFIX) and external not in self.checked:
                self.discrepancies += self._only_in_moment(external.removeprefix(OUR_PREFIX), expenses)
        self.counts[NOT_APPROVED] = len(self.pending)
        totals = [
            Total(account, "", moment, ledger)
            for account, (moment, ledger) in sorted(self.sums.items())
            if moment or ledger
        ]
        return ReconciliationReport(
            sources.first,
            sources.last,
            {name: count for name, count in self.counts.items() if count},
            totals,
            self.discrepancies,
        )

    def _voucher(self, name: str, lines: Sequence[LedgerLine]) -> _SupplierVoucher | None:
        """Return a voucher's costs, if it or one of its expenses is of these days, and the stamps to look up."""
        sources, visible = self.sources, [line for line in lines if not line.hidden]
        invoice = supplier_invoice_of(lines)
        inside = sources.concerns(invoice.day)
        keys = {key_of(name, line.project_number, line.account) for line in visible if line.project_number}
        expenses = [each for key in keys for each in sources.expenses.get(external_id(key), ())]
        if not any(line.account in sources.listed for line in visible) or not (
            inside or any(sources.concerns(each.day) for each in expenses)
        ):
            return None
        found = sources.costs_of(lines)
        for error_code in {each.error_code for each in found.skipped} if inside else ():
            self.counts[error_code] += 1
        may_be_pending = name not in self.linked and not self._is_synced(name, found.costs)
        needs_documents = may_be_pending or not (invoice.supplier and invoice.invoice_number)
        stamps = stamps_of(lines) if needs_documents else ()
        return _SupplierVoucher(name, lines, found.costs, stamps) if found.costs else None

    def _is_synced(self, name: str, costs: Sequence[Cost]) -> bool:
        """Return whether all costs of a voucher are in Moment, so that its approval no longer matters."""
        keys = [key_of(name, cost.project_number, cost.account) for cost in costs]
        return all(external_id(key) in self.sources.expenses for key in keys)

    def _check(self, voucher: _SupplierVoucher, documents: VoucherDocuments) -> Iterator[Discrepancy]:
        supplier, invoice_number = supplier_and_invoice_number(documents)
        invoice = supplier_invoice_of(voucher.lines, supplier=supplier, invoice_number=invoice_number)
        drafts = drafts_of(voucher.name, voucher.costs, invoice, settings=self.sources.settings)
        pending = documents.is_held_back and voucher.name not in self.linked
        for (key, draft), cost in zip(drafts.items(), voucher.costs, strict=True):
            self.checked.add(draft.external_id)
            expenses = self.sources.expenses.get(draft.external_id, ())
            if any(map(self.sources.concerns, [draft.day, *(each.day for each in expenses)])):
                drafted = _Drafted(voucher, key, draft, cost)
                yield from (
                    self._compare(drafted, expenses) if expenses else self._missing(drafted, pending=pending)
                )

    def _compare(self, drafted: _Drafted, expenses: Sequence[ExistingExpense]) -> Iterator[Discrepancy]:
        self._add_up(drafted.cost.account, expenses, draft=drafted.draft)
        expense = expenses[0]
        if len(expenses) > 1:
            yield self._duplicated(drafted, [each.id for each in expenses])
        elif expense.unreadable:
            yield drafted.about(DiscrepancyType.UNREADABLE, moment_id=expense.id, because=expense.unreadable)
        elif found := self._differences_of(drafted, expense):
            about = partial(drafted.about, moment_id=expense.id, because=INVOICED if expense.invoiced else "")
            yield about(DiscrepancyType.DIFFERENT_IN_MOMENT, differences=found)
        else:
            self.counts["equal"] += 1

    def _duplicated(self, drafted: _Drafted, ids: Sequence[str]) -> Discrepancy:
        linked, _ = self.sources.links.get(drafted.key, ("", None))
        kept = linked if linked in ids else ids[0]
        why = msg(
            "Moment has it {count} times, under the ids {ids}: keep {kept}.",
            count=len(ids),
            ids=", ".join(ids),
            kept=kept,
        )
        return drafted.about(DiscrepancyType.DUPLICATED_IN_MOMENT, moment_id=kept, because=why)

    def _missing(self, drafted: _Drafted, *, pending: bool) -> Iterator[Discrepancy]:
        expense_id, link = self.sources.links.get(drafted.key, ("", None))
        if link and link.fingerprint == LinkState.DELETED:
            self.counts["removed"] += 1
        elif pending:
            self.pending.add(drafted.supplier_voucher.name)
        else:
            self._add_up(drafted.cost.account, (), draft=drafted.draft)
            yield drafted.about(DiscrepancyType.NOT_IN_MOMENT, moment_id=expense_id)

    def _only_in_moment(self, key: str, expenses: Sequence[ExistingExpense]) -> Iterator[Discrepancy]:
        """Report an expense without a cost in the ledger, if it is of these days."""
        expense = next((each for each in expenses if self.sources.concerns(each.day)), None)
        if expense is None:
            return
        if self._is_kept(key):
            self.counts["kept"] += 1
            return
        parts = KEY.fullmatch(key)
        self._add_up(int(parts[3]) if parts else 0, expenses)
        unread = parts and int(parts[2]) not in self.years  # then at least its date differs
        found = (
            (FieldDifference(ComparedField.DATE, day_or_nothing(expense.day), parts[2]),)
            if parts and unread
            else ()
        )
        unlinked = "" if unread or key in self.sources.links else UNLINKED
        yield Discrepancy(
            DiscrepancyType.DIFFERENT_IN_MOMENT if found else DiscrepancyType.MOMENT_ONLY,
            number=expense.invoice_number,
            day=expense.day or self.sources.first,
            moment_id=expense.id,
            vouchers=(parts[1],) if parts else (),
            amount=expense.amount,
            differences=found,
            because=INVOICED if expense.invoiced else unlinked,
            expense=key,
        )

    def _is_kept(self, key: str) -> bool:
        """Return whether the cost of an expense is in the ledger and only the present settings leave it out."""
        name = key.partition("/")[0]
        excluded = self.sources.costs_of(self.supplier_vouchers.get(name, ())).excluded
        return key in {key_of(name, project_number, account) for project_number, account in excluded}

    def _differences_of(self, drafted: _Drafted, expense: ExistingExpense) -> tuple[FieldDifference, ...]:
        lines = visible_lines(drafted.supplier_voucher.lines)
        suppliers = (line for line in lines if line.account in SUPPLIER_ACCOUNTS)
        nameless = not drafted.draft.supplier and any(line.customer_number for line in suppliers)

        def project() -> FieldDifference:
            number = self.sources.project_number(expense.project_id)
            return FieldDifference(ComparedField.PROJECT, number or NOTHING, str(drafted.cost.project_number))

        return tuple(compare_expense(drafted.draft, expense, project=project, nameless=nameless))

    def _add_up(
        self, account: int, expenses: Sequence[ExistingExpense], *, draft: ExpenseDraft | None = None
    ) -> None:
        """Add an expense to the totals of both sides, if it is of these days."""
        self.sums[account][0] += sum(each.amount for each in expenses if self.sources.concerns(each.day))
        if draft and self.sources.concerns(draft.day):
            self.sums[account][1] += draft.amount

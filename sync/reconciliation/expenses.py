"""Reconciliation of expenses: the costs in the ledger against Moment's expenses.

:mod:`sync.rules.expense_mapping`, which the flow uses too, decides what a cost is and what its expense should be.

The report counts the expenses that are ``equal``, those ``removed`` in Moment by a person, those ``kept`` in
Moment although the settings now leave them out, and the vouchers that are ``not_approved``. Vouchers with skipped
lines are counted by the reason: ``not_listed``, ``before_first_day``, ``no_project`` and ``unknown_project``.
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
from sync.engine.context import SyncContext
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
    VoucherFiles,
    is_partial,
    rates_of,
)
from sync.rules.documents import merged, read_off
from sync.rules.expense_mapping import (
    MISSING,
    Cost,
    VoucherCosts,
    costs_of,
    drafts_of,
    external_id,
    in_force,
    key_of,
    supplier_invoice_of,
)
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, stamps_of

OURS = external_id("")
KEY = re.compile(r"(([1-9][0-9]{3})-[0-9]{1,9}-[0-9]{1,9})/[0-9]{1,10}/([0-9]{1,5})")
"""Voucher with its year, project and account; a person may write any external id by hand."""

INVOICED = msg("It is invoiced in Moment, and can no longer be changed.")
UNLINKED = msg("The integration has no link to it: if it doesn't belong there, delete it in Moment.")


class ExpenseSources:
    """The expenses of some days, in Moment and by link. The ledger is passed to :meth:`report`.

    ``expenses`` are Moment's by external id, ``links`` those created, by our key of each, and ``listed`` the
    accounts whose costs become expenses.
    """

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
        self._files: dict[int, VoucherFiles] = {}

    def report(self, supplier_vouchers: Mapping[str, Sequence[LedgerLine]]) -> ReconciliationReport:
        """Yield the discrepancies, voucher by voucher; expenses without a cost in the ledger come last.

        ``supplier_vouchers`` are the lines of vouchers with costs, of these days and perhaps of others, by name.
        """
        years = self._context.erp.fiscal_years()
        complete = {each.number for each in years if each.starts <= self.last and self.first <= each.ends}
        return _ExpenseReconciliation(self, supplier_vouchers, complete).report()

    def in_part(self, booked: BookedVouchers) -> bool:
        """Return whether some voucher with costs also has lines on other days."""
        return any(
            is_partial(lines) and any(line.account in self.listed for line in lines)
            for lines in booked.supplier_vouchers.values()
        )

    def concerns(self, day: date | None) -> bool:
        """Return whether a day is one of these; an unreadable one counts."""
        return day is None or self.first <= day <= self.last

    def project_number(self, project_id: str) -> str:
        if project_id not in self._numbers:
            project = self._context.moment.project(project_id)
            self._numbers[project_id] = project.number if project else ""
        return self._numbers[project_id]

    def costs_of(self, lines: Sequence[LedgerLine]) -> VoucherCosts:
        return costs_of(lines, settings=self.settings, project_id=self.project_id, rates=self._rates)

    def files_of(self, stamps: Collection[int]) -> Mapping[int, VoucherFiles]:
        """Read the documents of stamps that have not been read yet."""
        unknown = set(stamps) - self._files.keys()
        if unknown:
            self._files |= self._context.erp.files_of(unknown)
        return self._files

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
    """An expense as the ledger says it should be: our key, and the cost that it comes from."""

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
    checked: set[str] = field(default_factory=lambda: {OURS})
    pending: set[str] = field(default_factory=set)
    sums: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def report(self) -> ReconciliationReport:
        sources = self.sources
        self.linked = {key.partition("/")[0] for key in sources.links}
        purchases = [
            found for name, lines in self.supplier_vouchers.items() if (found := self._purchase(name, lines))
        ]
        files = sources.files_of({stamp for each in purchases for stamp in each.stamps})
        for each in sorted(purchases, key=lambda each: [int(part) for part in each.name.split("-")]):
            self.discrepancies += self._check(each, merged(files[stamp] for stamp in sorted(each.stamps)))
        for name, held in sorted(sources.expenses.items()):
            if name.startswith(OURS) and name not in self.checked:
                self.discrepancies += self._only_in_moment(name.removeprefix(OURS), held)
        self.counts["not_approved"] = len(self.pending)
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

    def _purchase(self, name: str, lines: Sequence[LedgerLine]) -> _SupplierVoucher | None:
        """Return a voucher's costs, if it or one of its expenses is of these days, and which documents matter."""
        sources, visible = self.sources, [line for line in lines if not line.hidden]
        supply = supplier_invoice_of(lines)
        inside = sources.concerns(supply.day)
        keys = {key_of(name, line.project_number, line.account) for line in visible if line.project_number}
        held = [each for key in keys for each in sources.expenses.get(external_id(key), ())]
        if not any(line.account in sources.listed for line in visible) or not (
            inside or any(sources.concerns(each.day) for each in held)
        ):
            return None
        found = sources.costs_of(lines)
        for error_code in {each.error_code for each in found.left_alone} if inside else ():
            self.counts[error_code] += 1
        unsure = name not in self.linked and not self._is_synced(name, found.costs)
        asked = unsure or not (supply.supplier and supply.invoice_number)
        stamps = stamps_of(lines) if asked else ()
        return _SupplierVoucher(name, lines, found.costs, stamps) if found.costs else None

    def _is_synced(self, name: str, costs: Sequence[Cost]) -> bool:
        """Return whether all costs of a voucher are in Moment, so that it no longer needs approval."""
        keys = [key_of(name, cost.project_number, cost.account) for cost in costs]
        return all(external_id(key) in self.sources.expenses for key in keys)

    def _check(self, purchase: _SupplierVoucher, files: VoucherFiles) -> Iterator[Discrepancy]:
        supplier, invoice_number = read_off(files)
        supply = supplier_invoice_of(purchase.lines, supplier=supplier, invoice_number=invoice_number)
        drafts = drafts_of(purchase.name, purchase.costs, supply, settings=self.sources.settings)
        waits = files.held_back and purchase.name not in self.linked
        for (key, draft), cost in zip(drafts.items(), purchase.costs, strict=True):
            self.checked.add(draft.external_id)
            held = self.sources.expenses.get(draft.external_id, ())
            if any(map(self.sources.concerns, [draft.day, *(each.day for each in held)])):
                standing = _Drafted(purchase, key, draft, cost)
                yield from self._compare(standing, held) if held else self._missing(standing, pending=waits)

    def _compare(self, drafted: _Drafted, held: Sequence[ExistingExpense]) -> Iterator[Discrepancy]:
        self._add_up(drafted.cost.account, held, draft=drafted.draft)
        expense = held[0]
        if len(held) > 1:
            yield self._duplicated(drafted, [each.id for each in held])
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
        told = msg(
            "Moment has it {count} times, under the ids {ids}: keep {kept}.",
            count=len(ids),
            ids=", ".join(ids),
            kept=kept,
        )
        return drafted.about(DiscrepancyType.DUPLICATED_IN_MOMENT, moment_id=kept, because=told)

    def _missing(self, drafted: _Drafted, *, pending: bool) -> Iterator[Discrepancy]:
        expense_id, link = self.sources.links.get(drafted.key, ("", None))
        if link and link.fingerprint == MISSING:
            self.counts["removed"] += 1
        elif pending:
            self.pending.add(drafted.supplier_voucher.name)
        else:
            self._add_up(drafted.cost.account, (), draft=drafted.draft)
            yield drafted.about(DiscrepancyType.NOT_IN_MOMENT, moment_id=expense_id)

    def _only_in_moment(self, key: str, held: Sequence[ExistingExpense]) -> Iterator[Discrepancy]:
        """Report an expense to which no cost of the ledger belongs, unless it is about other days."""
        expense = next((each for each in held if self.sources.concerns(each.day)), None)
        if expense is None:
            return
        if self._kept(key):
            self.counts["kept"] += 1
            return
        named = KEY.fullmatch(key)
        self._add_up(int(named[3]) if named else 0, held)
        unread = named and int(named[2]) not in self.years  # at least its date differs then
        found = (
            (FieldDifference(ComparedField.DATE, day_or_nothing(expense.day), named[2]),)
            if named and unread
            else ()
        )
        unlinked = "" if unread or key in self.sources.links else UNLINKED
        yield Discrepancy(
            DiscrepancyType.DIFFERENT_IN_MOMENT if found else DiscrepancyType.MOMENT_ONLY,
            number=expense.invoice_number,
            day=expense.day or self.sources.first,
            moment_id=expense.id,
            vouchers=(named[1],) if named else (),
            amount=expense.amount,
            differences=found,
            because=INVOICED if expense.invoiced else unlinked,
            expense=key,
        )

    def _kept(self, key: str) -> bool:
        """Return whether the cost of an expense is in the ledger and only the present settings leave it out."""
        name = key.partition("/")[0]
        lines = self.supplier_vouchers.get(name, ())
        return key in {key_of(name, *place) for place in self.sources.costs_of(lines).excluded}

    def _differences_of(self, drafted: _Drafted, held: ExistingExpense) -> tuple[FieldDifference, ...]:
        lines = in_force(drafted.supplier_voucher.lines)
        suppliers = (line for line in lines if line.account in SUPPLIER_ACCOUNTS)
        nameless = not drafted.draft.supplier and any(line.customer_number for line in suppliers)

        def project() -> FieldDifference:
            shown = self.sources.project_number(held.project_id)
            return FieldDifference(ComparedField.PROJECT, shown or NOTHING, str(drafted.cost.project_number))

        return tuple(compare_expense(drafted.draft, held, project=project, nameless=nameless))

    def _add_up(self, account: int, held: Sequence[ExistingExpense], *, draft: ExpenseDraft | None = None) -> None:
        """Add an expense to the totals of both sides, if it is of these days."""
        self.sums[account][0] += sum(each.amount for each in held if self.sources.concerns(each.day))
        if draft and self.sources.concerns(draft.day):
            self.sums[account][1] += draft.amount

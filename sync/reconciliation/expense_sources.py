"""Gathers what a comparison of expenses is made of, in few calls however many there are."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache

from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from sync.engine.context import SyncContext
from sync.reconciliation.expenses import ExpenseSides, compare_expenses
from sync.reconciliation.report import ReconciliationReport
from sync.records import BookedVouchers, ExistingExpense, LedgerLine, VoucherFiles, is_partial


class ExpenseSources:
    """The expenses of some days, in Moment and as they were brought; the ledger is told to it."""

    def __init__(self, context: SyncContext, first: date, last: date) -> None:
        self._desk = context
        self._first, self._last = first, last
        self.listed = AccountRanges.parse(context.settings.expense_accounts)
        self._expenses: dict[str, list[ExistingExpense]] = defaultdict(list)
        for each in context.moment.expenses_from(first):
            self._expenses[each.external_id].append(each)
        self._links = context.links_by_prefix(EntityType.EXPENSE, "")
        projects = context.links_by_prefix(EntityType.PROJECT, "")
        self._ids = {number: moment_id for number, (moment_id, _) in projects.items()}
        self._numbers = {moment_id: number for number, moment_id in self._ids.items()}
        self._project_id = cache(self._find_project)
        self._files: dict[int, VoucherFiles] = {}

    def report(self, supplier_vouchers: Mapping[str, Sequence[LedgerLine]]) -> ReconciliationReport:
        """Compare with these vouchers."""
        first, last = self._first, self._last
        years = [each for each in self._desk.erp.fiscal_years() if each.starts <= last and first <= each.ends]
        return compare_expenses(
            ExpenseSides(
                first,
                last,
                supplier_vouchers,
                {each.number for each in years},
                self._expenses,
                self._links,
                self._desk.settings,
                self.listed,
                self._project_id,
                self._project_number,
                self._files_of,
            )
        )

    def in_part(self, booked: BookedVouchers) -> bool:
        """Tell whether other days have a part of some voucher with costs."""
        return any(
            is_partial(lines) and any(line.account in self.listed for line in lines)
            for lines in booked.supplier_vouchers.values()
        )

    def _find_project(self, number: int) -> str | None:
        return self._ids.get(str(number)) or self._desk.moment.project_numbered(number)

    def _project_number(self, project_id: str) -> str:
        if project_id not in self._numbers:
            project = self._desk.moment.project(project_id)
            self._numbers[project_id] = project.number if project else ""
        return self._numbers[project_id]

    def _files_of(self, stamps: Collection[int]) -> Mapping[int, VoucherFiles]:
        """Ask for the documents that have not been asked for yet."""
        unknown = set(stamps) - self._files.keys()
        if unknown:
            self._files |= self._desk.erp.files_of(unknown)
        return self._files

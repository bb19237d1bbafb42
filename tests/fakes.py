"""Both remote systems in memory, for tests of what the product does with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from models.words import Kind
from sync.errors import Rejected, SyncError, Uncertain
from sync.records import Company, Customer, FiscalYear, Identity, Invoice, PostedLine, Project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sync.records import CompanyDraft, ProjectDraft, Voucher

CHART = {1500: "", 1920: "", 3000: "3", 3020: "31", 3100: "5"}


class Remote:
    """A system that counts its calls and can be told to fail: before it does the work, or after."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.fails_before: defaultdict[str, list[Exception]] = defaultdict(list)
        self.fails_after: defaultdict[str, list[Exception]] = defaultdict(list)

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        self.calls[operation] += 1
        if self.fails_before[operation]:
            raise self.fails_before[operation].pop(0)
        yield
        if self.fails_after[operation]:
            raise self.fails_after[operation].pop(0)


class FakeMoment(Remote):
    def __init__(self, *records: Customer | Project | Invoice) -> None:
        super().__init__()
        self.customers: dict[str, Customer] = {}
        self.projects: dict[str, Project] = {}
        self.invoices: dict[str, Invoice] = {}
        for record in records:
            self.put(record)

    def put(self, record: Customer | Project | Invoice) -> None:
        match record:
            case Customer():
                self.customers[record.id] = record
            case Project():
                self.projects[record.id] = record
            case Invoice():
                self.invoices[record.id] = record

    def customer(self, record_id: str) -> Customer | None:
        with self.call("customer"):
            return self.customers.get(record_id)

    def project(self, record_id: str) -> Project | None:
        with self.call("project"):
            return self.projects.get(record_id)

    def invoice(self, record_id: str) -> Invoice | None:
        with self.call("invoice"):
            return self.invoices.get(record_id)

    def return_customer_number(self, record_id: str, number: int) -> None:
        with self.call("return_customer_number"):
            self.customers[record_id] = replace(self.customers[record_id], number=str(number))

    def changed(self, kind: Kind, *, since: datetime) -> Iterable[str]:  # noqa: ARG002 (Moment may tell more)
        with self.call("changed"):
            shelves: Mapping[Kind, Mapping[str, object]] = {
                Kind.CUSTOMER: self.customers,
                Kind.PROJECT: self.projects,
                Kind.INVOICE: self.invoices,
            }
            return list(shelves[kind])

    def invoice_address(self, record_id: str) -> str:
        return f"https://moment.example/invoices/{record_id}"


class FakeErp(Remote):
    """Books that number customers from 10001, refuse unknown accounts, and take no voucher number twice."""

    def __init__(self) -> None:
        super().__init__()
        self.companies: dict[int, Company] = {}
        self.projects: dict[int, ProjectDraft] = {}
        self.vouchers: dict[tuple[int, int], Voucher] = {}
        self.chart = dict(CHART)
        self.years = [
            FiscalYear(date(year, 1, 1), date(year, 12, 31), locked=year == 2024) for year in (2024, 2025, 2026)
        ]

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        with self.call("save_companies"):
            return [self._save_company(draft) for draft in drafts]

    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        if draft.name == "Refused AS":
            return Rejected("24SevenOffice does not like the name.")
        number = draft.number or 10001 + len(self.companies)
        self.companies[number] = Company(number, draft.name, draft.organization_number, draft.moment_id)
        return number

    def find_company(self, moment_id: str) -> Company | None:
        with self.call("find_company"):
            return next((each for each in self.companies.values() if each.moment_id == moment_id), None)

    def company(self, number: int) -> Company | None:
        with self.call("company"):
            return self.companies.get(number)

    def save_project(self, draft: ProjectDraft) -> None:
        with self.call("save_project"):
            self.projects[draft.number] = draft

    def tax_codes(self) -> Mapping[int, str]:
        return self.chart

    def fiscal_years(self) -> Sequence[FiscalYear]:
        return self.years

    def next_voucher_number(self, day: date) -> int:
        with self.call("next_voucher_number"):
            return 1 + max((number for year, number in self.vouchers if year == day.year), default=0)

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        with self.call("post"):
            for voucher in vouchers:
                self._check(voucher, year)
            self.vouchers |= {(year, voucher.number): voucher for voucher in vouchers}

    def _check(self, voucher: Voucher, year: int) -> None:
        refusal = None
        if sum(entry.amount for entry in voucher.entries):
            refusal = "The voucher does not balance."
        if (year, voucher.number) in self.vouchers:
            refusal = f"Voucher number {voucher.number} is taken."
        if voucher.kid == "refuse me":
            refusal = "KID is wrong."
        if refusal:
            raise Uncertain(refusal, otherwise=Rejected(refusal))

    def posted(self, invoice_number: int, *, day: date) -> Sequence[PostedLine]:
        with self.call("posted"):
            found = [
                v
                for (year, _), v in self.vouchers.items()
                if v.invoice_number == invoice_number and year == day.year
            ]
            return [line for voucher in found for line in lines_of(voucher)]

    def forget(self) -> None:
        self.calls["forget"] += 1

    def identities(self) -> Sequence[Identity]:
        return [Identity("0c0ffee0-0000-4000-8000-000000000001", "Demo AS")]


def lines_of(voucher: Voucher) -> list[PostedLine]:
    """How the ledger shows a voucher."""
    return [
        PostedLine(
            voucher_number=voucher.number,
            account=entry.account,
            amount=entry.amount,
            day=voucher.day,
            invoice_number=str(voucher.invoice_number),
            customer_number=entry.customer_number,
            project_number=entry.project_number,
        )
        for entry in voucher.entries
    ]

"""Both remote systems in memory, for tests of what the product does with them."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import BinaryIO

from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from models.inbox.leases import AttemptResult, Lease, SyncJob
from models.inbox.missed_webhooks import ModifiedRecord
from sync.errors import OutcomeUnknownError, RejectedError, SyncError
from sync.records import (
    Address,
    BookedVouchers,
    Company,
    CompanyDraft,
    Customer,
    CustomerDetails,
    Entry,
    ExistingExpense,
    ExistingProject,
    ExpenseDraft,
    FiscalYear,
    Identity,
    Invoice,
    LedgerLine,
    Project,
    ProjectDraft,
    SetupPart,
    VatCode,
    Voucher,
)
from tests.fake_remote import Remote
from tests.fake_supplier_vouchers import FakeSupplierVouchers

RATES = {
    "1": Decimal(25),
    "11": Decimal(15),
    "3": Decimal(25),
    "31": Decimal(15),
    "5": Decimal(0),
    "86": Decimal(25),
}
VAT_ACCOUNTS = {"1": 2711, "11": 2712, "3": 2701, "31": 2702, "86": 2711}
VAT_CODES = {number: VatCode(rate, VAT_ACCOUNTS.get(number)) for number, rate in RATES.items()}
CHART = {1500: "", 1920: "", 3000: "3", 3020: "31", 3100: "5"}


class FakeMoment(Remote):
    def __init__(self, *records: Customer | Project | Invoice) -> None:
        super().__init__()
        self.customers: dict[str, Customer] = {}
        self.projects: dict[str, Project] = {}
        self.invoices: dict[str, Invoice] = {}
        self.expenses: dict[str, ExpenseDraft] = {}
        self.documents: dict[str, dict[str, bytes]] = {}
        self.invoiced: set[str] = set()
        self.closed_activities: set[str] = set()
        self.modified_at: dict[str, datetime] = {}
        self.ahead: list[tuple[EntityType, tuple[str, ...]]] = []
        self.put(*records)

    def put(self, *records: Customer | Project | Invoice) -> None:
        for record in records:
            vars(self)[f"{type(record).__name__.lower()}s"][record.id] = record

    def reading_ahead(self, entity_type: EntityType, record_ids: Sequence[str]) -> AbstractContextManager[None]:
        """Read nothing ahead, so that tests see the order of errors."""
        self.ahead.append((entity_type, tuple(record_ids)))
        return nullcontext()

    def customer(self, record_id: str) -> Customer | None:
        with self.call("customer"):
            return self.customers.get(record_id)

    def project(self, record_id: str) -> Project | None:
        with self.call("project"):
            return self.projects.get(record_id)

    def invoice(self, record_id: str) -> Invoice | None:
        with self.call("invoice"):
            return self.invoices.get(record_id)

    def invoices_of(self, first: date, last: date) -> Iterator[Invoice]:
        with self.call("invoices_of"):
            yield from [each for each in self.invoices.values() if each.finalized and first <= each.day <= last]

    def write_customer_number(self, record_id: str, number: int) -> None:
        with self.call("write_customer_number"):
            self.customers[record_id] = replace(self.customers[record_id], number=str(number))

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:  # noqa: ARG002 (Moment may tell more)
        with self.call("changed"):
            return list(vars(self)[f"{entity_type}s"])

    def modified(self, entity_type: EntityType, *, since: datetime) -> Iterable[ModifiedRecord]:
        """Return records modified since then, and all others whose time a test has not set."""
        listed = [
            ModifiedRecord(each, self.modified_at.get(each)) for each in self.changed(entity_type, since=since)
        ]
        return [each for each in listed if each.at is None or each.at >= since]

    def invoice_url(self, record_id: str) -> str:
        return f"https://moment.example/invoices/{record_id}"

    def project_numbered(self, number: int) -> str | None:
        with self.call("project_numbered"):
            return next((each.id for each in self.projects.values() if each.number == str(number)), None)

    def activity(self, project_id: str, name: str) -> str:
        with self.call("activity"):
            if name in self.closed_activities:
                raise RejectedError(f"Activity {name} of project {project_id} is closed.")
            return f"{project_id}-{name}"

    def find_expense(self, external_id: str) -> str | None:
        with self.call("find_expense"):
            return next((key for key, each in self.expenses.items() if each.external_id == external_id), None)

    def expenses_from(self, first: date) -> Iterator[ExistingExpense]:  # noqa: ARG002 - Moment may tell more
        with self.call("expenses_from"):
            yield from [
                ExistingExpense(
                    key,
                    each.external_id,
                    each.project_id,
                    each.description,
                    each.amount,
                    supplier=each.supplier,
                    invoice_number=each.invoice_number,
                    day=each.day,
                    invoiced=key in self.invoiced,
                )
                for key, each in self.expenses.items()
                if each.external_id
            ]

    def create_expense(self, draft: ExpenseDraft) -> str:
        expense_id = str(700 + self.calls["create_expense"])
        with self.call("create_expense"):
            self.expenses[expense_id], self.documents[expense_id] = draft, {}
        return expense_id

    def update_expense(self, expense_id: str, draft: ExpenseDraft, *, activity: str) -> bool:
        with self.call("update_expense"):
            expense = self.expenses.get(expense_id)
            if expense is None:
                return False
            kept = replace(draft, activity_id=expense.activity_id, billable=expense.billable)
            if expense.project_id != draft.project_id:
                kept = replace(kept, activity_id=self.activity(draft.project_id, activity))
            return kept == expense or self._alter(expense_id, lambda: self.expenses.update({expense_id: kept}))

    def delete_expense(self, expense_id: str) -> bool:
        with self.call("delete_expense"):
            return self._alter(expense_id, lambda: self.expenses.pop(expense_id))

    def _alter(self, expense_id: str, change: Callable[[], object]) -> bool:
        if expense_id in self.invoiced:
            raise RejectedError("The expense is invoiced.", error_code="invoiced")
        if expense_id in self.expenses:
            change()
            return True
        return False

    def document_names(self, expense_id: str) -> Sequence[str] | None:
        with self.call("document_names"):
            return list(self.documents[expense_id]) if expense_id in self.expenses else None

    def upload_document(self, expense_id: str, *, name: str, media_type: str, content: BinaryIO) -> None:  # noqa: ARG002 - kept by its bytes
        with self.call("upload_document"):
            self.documents[expense_id][name] = content.read()


class FakeErp(FakeSupplierVouchers):
    """A ledger that numbers customers from 10001, refuses unknown accounts, and accepts no voucher number twice."""

    def __init__(self) -> None:
        super().__init__()
        self.companies: dict[int, Company] = {}
        self.details: dict[int, list[CustomerDetails | None]] = {}
        self.emails: dict[int, dict[str, str]] = {}
        self.projects: dict[int, ProjectDraft] = {}
        self.closed_projects: set[int] = set()
        self.own_project_numbers: list[int] = []
        self.forgotten: list[SetupPart] = []
        self.client_id = ""
        self.client_ids: dict[int, str] = {}
        self.vouchers: dict[tuple[int, int], Voucher] = {}
        self.keeps_drafts = False
        self.leaves_vat = False
        self.drafts: list[Voucher] = []
        self.others: list[LedgerLine] = []
        self.chart = dict(CHART)
        self.rates = dict(RATES)
        self.currencies = {"EUR": Decimal("11.5"), "JPY": Decimal("0.071")}
        self.years = [
            FiscalYear(date(year, 1, 1), date(year, 12, 31), locked=year == 2024) for year in (2024, 2025, 2026)
        ]

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        with self.call("save_companies"):
            return [self._save_company(draft) for draft in drafts]

    def _save_company(self, draft: CompanyDraft) -> int | SyncError:
        if draft.name == "Refused AS":
            return RejectedError("24SevenOffice does not like the name.")
        free = (each for each in itertools.count(10001 + len(self.companies)) if each not in self.companies)
        number = draft.number or next(free)
        self.details.setdefault(number, []).append(draft.details)
        given = {"main": draft.email, "invoice": draft.invoice_email}
        emails = self.emails.setdefault(number, {each: each for each in self._by_hand(number)})
        emails.update({use: email for use, email in given.items() if email})
        saved = draft.as_company(number)
        former = self.companies.get(number, saved)
        person = former.person if draft.is_company is None else saved.person
        self.companies[number] = replace(saved, emails=(), supplier=former.supplier, person=person)
        return number

    def find_company(self, moment_id: str) -> Company | None:
        with self.call("find_company"):
            return next((each for each in self.companies.values() if each.moment_id == moment_id), None)

    def company(self, number: int) -> Company | None:
        with self.call("company"):
            return self.companies.get(number)

    def existing_companies(self, numbers: Collection[int]) -> Collection[int]:
        with self.call("existing_companies"):
            return self.companies.keys() & set(numbers)

    def addresses(self, numbers: Collection[int]) -> Mapping[int, Address]:
        with self.call("addresses"):
            saved = {number: each[-1] for number in numbers if (each := self.details.get(number))}
            return {number: each.addresses[0] for number, each in saved.items() if each and each.addresses}

    def all_companies(self) -> Collection[Company]:
        with self.call("all_companies"):
            return [
                replace(
                    company,
                    emails=tuple(self.emails[number].values()) if number in self.emails else company.emails,
                )
                for number, company in self.companies.items()
            ]

    def _by_hand(self, number: int) -> tuple[str, ...]:
        return self.companies[number].emails if number in self.companies else ()

    def save_project(self, draft: ProjectDraft) -> None:
        with self.call("save_project"):
            if draft.customer_number not in {None, *self.companies}:
                raise RejectedError(f"Customer {draft.customer_number} does not exist.")
            number = self.own_project_numbers.pop(0) if self.own_project_numbers else draft.number
            self.projects[number] = replace(draft, number=number)
            self.client_ids[number] = self.client_id
            if number != draft.number:
                raise RejectedError(f"Saved under the number {number}.", error_code="project_number")

    def project(self, number: int) -> ExistingProject | None:
        with self.call("project"):
            found = self.projects.get(number)
            return (
                ExistingProject(number, found.name, client_id=self.client_ids.get(number, "")) if found else None
            )

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        with self.call("existing_projects"):
            return [self._existing_project(number) for number in numbers if number in self.projects]

    def _existing_project(self, number: int) -> ExistingProject:
        project = self.projects[number]
        if number in self.closed_projects:
            return ExistingProject(number, project.name, closed=True)
        return ExistingProject(number, project.name, project.customer_number, self.client_ids.get(number, ""))

    def tax_codes(self) -> Mapping[int, str]:
        return self.chart

    def vat_codes(self) -> Mapping[str, VatCode]:
        return {number: VatCode(rate, VAT_ACCOUNTS.get(number)) for number, rate in self.rates.items()}

    def currency_rates(self) -> Mapping[str, Decimal]:
        with self.call("currency_rates"):
            return self.currencies

    def fiscal_years(self) -> Sequence[FiscalYear]:
        return self.years

    def next_voucher_number(self, day: date) -> int:
        with self.call("next_voucher_number"):
            return 1 + max((number for year, number in self.vouchers if year == day.year), default=0)

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        with self.call("post"):
            for voucher in vouchers:
                self._check(voucher, year)
            if self.keeps_drafts:
                self.drafts += vouchers
                return
            self.vouchers |= {(year, voucher.number): voucher for voucher in vouchers}

    def _check(self, voucher: Voucher, year: int) -> None:
        refusal = None
        if sum(entry.amount for entry in voucher.entries):
            refusal = "The voucher does not balance."
        if (year, voucher.number) in self.vouchers:
            refusal = f"Voucher number {voucher.number} is taken."
        if unknown := [
            entry.customer_number for entry in voucher.entries if entry.customer_number not in self.companies
        ]:
            refusal = f"Customer {unknown[0]} does not exist."
        projects = {entry.project_number for entry in voucher.entries if entry.project_number}
        if unknown := [number for number in projects if number not in self.projects]:
            refusal = f"Project {unknown[0]} does not exist."
        if voucher.kid == "refuse me":
            refusal = "KID is wrong."
        if refusal:
            raise OutcomeUnknownError(refusal, otherwise=RejectedError(refusal))

    def voucher_name(self, day: date, *, type_: int, number: int) -> str:
        return f"{day.year}-{type_}-{number}"

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        year, _, number = voucher.split("-")
        others = [
            line
            for line in self.others
            if self.voucher_name(line.day, type_=line.type, number=line.voucher_number) == voucher
        ]
        if others:
            with self.call("supplier_voucher"):
                return others
        ours = self.vouchers.get((int(year), int(number)))
        if ours is None or voucher in self.purchases:
            return super().supplier_voucher(voucher)
        with self.call("supplier_voucher"):
            return self._lines_of([ours])

    def posted(self, invoice_number: int, *, day: date) -> Sequence[LedgerLine]:
        with self.call("posted"):
            found = [
                v
                for (year, _), v in self.vouchers.items()
                if v.invoice_number == invoice_number and year == day.year
            ]
            others = [each for each in self.others if each.invoice_number == str(invoice_number)]
            return self._lines_of(found) + others

    def _lines_of(self, vouchers: Iterable[Voucher]) -> list[LedgerLine]:
        customers = {number: company.name for number, company in self.companies.items()}
        return [
            line
            for voucher in vouchers
            for line in lines_of(
                voucher, customers.get(voucher.entries[0].customer_number, ""), split=not self.leaves_vat
            )
        ]

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        with self.call("booked_vouchers"):
            found = [each for each in self.vouchers.values() if first <= each.day <= last]
            sales = self._lines_of(found)
            others = [each for each in self.others if each.invoice_number and first <= each.day <= last]
            return BookedVouchers(sales, self.with_costs(first, last, costs), numbered=sales + others)

    def forget(self, *parts: SetupPart) -> None:
        self.calls["forget"] += 1
        self.forgotten += parts

    def identities(self) -> Sequence[Identity]:
        return [Identity("0c0ffee0-0000-4000-8000-000000000001", "Demo AS")]


def lines_of(voucher: Voucher, customer_name: str = "", *, split: bool = True) -> list[LedgerLine]:
    """Return the ledger's lines of a voucher; VAT that is to be split off is split off line by line."""
    return [
        LedgerLine(
            voucher_number=voucher.number,
            account=entry.account,
            amount=entry.amount,
            day=voucher.day,
            invoice_number=str(voucher.invoice_number),
            customer_number=entry.customer_number,
            customer_name=customer_name,
            project_number=entry.project_number,
            vat_code=entry.tax_code,
            text="" if place else voucher.comment,
            type=101,
            system_type="InvoiceCustomer",
            due=None if place else voucher.due,
            department=entry.department,
        )
        for place, entry in enumerate(
            _split(voucher) if split and voucher.voucher_vat == "gross" else voucher.entries
        )
    ]


def _split(voucher: Voucher) -> Iterator[Entry]:
    for entry in voucher.entries:
        rate, account = RATES.get(entry.tax_code), VAT_ACCOUNTS.get(entry.tax_code)
        vat = int((entry.amount * rate / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP)) if rate else 0
        yield replace(entry, amount=entry.amount - vat)
        if vat and account:
            yield replace(entry, account=account, amount=vat, project_number=None)


class QuietInstrumentation:
    """Instrumentation that does nothing."""

    def draining(self, _lease: Lease, /) -> AbstractContextManager[None]:
        return nullcontext()

    def attempting(self, _lease: Lease, _step: str, _jobs: Sequence[SyncJob], /) -> AbstractContextManager[None]:
        return nullcontext()

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        pass

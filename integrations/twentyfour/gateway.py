"""24SevenOffice behind our words: what the flows call, for one connection."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO
from urllib.parse import quote

from integrations.twentyfour import attachments, booked_vouchers, customers, expenses, invoices, projects
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.customer_index import CustomerIndex
from integrations.twentyfour.project_numbers import ProjectNumbers
from integrations.twentyfour.session import Login, Session, SessionStore
from models.connections.account_ranges import AccountRanges
from models.connections.settings import ConnectionSettings
from models.enums import EntityType
from sync.errors import SyncError
from sync.records import (
    BookedVouchers,
    Company,
    CompanyDraft,
    ExistingProject,
    FiscalYear,
    Identity,
    LedgerLine,
    PostedLine,
    ProjectDraft,
    Voucher,
    VoucherFile,
    VoucherFiles,
)

PAGES = {
    EntityType.CUSTOMER: "customers",
    EntityType.PROJECT: "projects",
    EntityType.INVOICE: "vouchers",
    EntityType.EXPENSE: "vouchers",
}


class TwentyFourGateway:
    """One client of 24SevenOffice; fulfils Erp and Purchases of :mod:`sync.ports`, which say what each call does.

    It is light, but remembers the books of its client: keep it for as long as the settings stay the same. Threads
    may share it.

    Args:
        settings: the connection's.
        application_id: the integration's own, from 24SevenOffice.
        client: the process's SOAP client, on the connection's account.
        store: where the sessions of all logins are kept.
        is_current: tells whether the login is still the connection's, so that its session is kept.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        application_id: str,
        client: SoapClient,
        store: SessionStore,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        login = Login(application_id, settings.username, settings.password, settings.identity_id)
        self._settings = settings
        self._client = client
        self._session = Session(login, client=client, store=store, is_current=is_current)
        self._books = AccountingSetup(self._session)
        self._register = CustomerIndex(self._session)
        self._numbers = ProjectNumbers(self._session, field=settings.client_id_field)

    def for_polls(self) -> TwentyFourGateway:
        """Give the same client of 24SevenOffice, with the same memory, to be polled."""
        twin = copy.copy(self)
        twin._session = self._session.for_polls()  # noqa: SLF001 - its own
        twin._books = self._books.with_session(twin._session)  # noqa: SLF001 - its own
        twin._register = self._register.with_session(twin._session)  # noqa: SLF001 - its own
        twin._numbers = self._numbers.with_session(twin._session)  # noqa: SLF001 - its own
        return twin

    def identities(self) -> Sequence[Identity]:
        """Tell which clients the login reaches."""
        return self._session.identities()

    def identity_id(self) -> str:
        """Tell the identity that calls are made with, to be stored where the settings left it open.

        Raises MisconfiguredError where the login reaches several clients.
        """
        return self._session.identity_id()

    def log_out(self) -> None:
        """Forget the session that the calls were made in. Raises UnavailableError without Redis."""
        self._session.log_out()

    def client_name(self) -> str:
        """Tell the client's own name (GetClientInformation)."""
        client = self._session.call("Client", "GetClientInformation")
        return str(client.Name or "") if client else ""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        """Create or overwrite customers in one call."""
        answers = customers.save(self._session, drafts)
        self._register.record_saved(drafts, answers)
        return answers

    def all_companies(self) -> Collection[Company]:
        """Tell all customers and suppliers; those known are remembered for an hour, changes are looked for."""
        return self._register.companies()

    def count_companies(self) -> tuple[int, int]:
        """Count customers and suppliers in use and out of use on the first page of the register, in two calls."""
        return self._register.count()

    def find_company(self, moment_id: str) -> Company | None:
        """Find a customer by its ExternalId."""
        return customers.find(self._session, moment_id)

    def company(self, number: int) -> Company | None:
        """Read a customer by its number."""
        return customers.read(self._session, number)

    def save_project(self, draft: ProjectDraft) -> None:
        """Create or overwrite a project, with the connection's client id."""
        settings = self._settings
        self._numbers.mark_taken(draft.number)
        projects.save(self._session, draft, client_id=settings.client_id, field=settings.client_id_field)

    def project(self, number: int) -> ExistingProject | None:
        """Read the project with this number."""
        return projects.read(self._session, number, field=self._settings.client_id_field)

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Read those of the projects with these numbers that there are; free ones are remembered for a minute."""
        return self._numbers.existing(numbers)

    def vat_codes(self) -> Mapping[str, Decimal]:
        """Tell the VAT codes with their rates, at most ten minutes old."""
        return self._books.vat_codes()

    def tax_codes(self) -> Mapping[int, str]:
        """Tell the TaxNo of every account, at most ten minutes old."""
        return self._books.tax_codes()

    def fiscal_years(self) -> Sequence[FiscalYear]:
        """Tell the fiscal years, at most ten minutes old."""
        return self._books.fiscal_years()

    def next_voucher_number(self, day: date) -> int:
        """Tell the next number of the series of outgoing invoices."""
        return invoices.next_number(self._session, day, voucher_type=self._books.outgoing_invoice())

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        """Post vouchers of one fiscal year, to the ledger or as a draft, as the settings say."""
        voucher_type = self._books.outgoing_invoice()
        invoices.post(
            self._session, vouchers, year=year, voucher_type=voucher_type, posting=self._settings.posting
        )

    def posted(self, invoice_number: int, *, day: date) -> Sequence[PostedLine]:
        """Tell the lines in the ledger with this invoice number, in the fiscal year of ``day``."""
        return invoices.posted(self._session, invoice_number, year=self._books.year_of(day))

    def ledger(self, first: date, last: date) -> Sequence[PostedLine]:
        """Tell the lines of the outgoing invoices' vouchers dated in these days."""
        return self.booked(first, last, costs=AccountRanges(())).sales

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        """Tell the same, and the vouchers with costs on these accounts."""
        receivables = self._settings.receivables_account
        return booked_vouchers.read_booked(
            self._session, first, last, receivables=receivables, costs=costs, setup=self._books
        )

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        """Name the vouchers with a line on or between these accounts created or changed in a span of time."""
        return expenses.changed(self._session, accounts, since=since, until=until, setup=self._books)

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        """Read all lines of a voucher."""
        return expenses.read(self._session, voucher, setup=self._books)

    def files(self, stamp: int) -> VoucherFiles:
        """Tell the documents behind a stamp."""
        return self.files_of([stamp])[stamp]

    def files_of(self, stamps: Collection[int]) -> Mapping[int, VoucherFiles]:
        """Tell the documents behind several stamps."""
        return attachments.of_stamps(self._session, stamps)

    def fetch(self, file: VoucherFile, *, renew_lease: Callable[[], None]) -> AbstractContextManager[BinaryIO]:
        """Bring a document to a temporary file."""
        noted = self._client.noted
        if "chunk" not in noted:
            noted["chunk"] = attachments.chunk_size(self._session)
        return attachments.fetched(self._session, file, chunk=noted["chunk"], renew_lease=renew_lease)

    def forget(self) -> None:
        """Read chart of accounts, fiscal years, voucher types and customers again when they are next needed."""
        self._books.forget()
        self._register.forget()


def record_url(template: str, entity_type: EntityType, number: str, *, year: str = "") -> str:
    """Fill in the setting ``twentyfour_record_url``; ``year`` is the fiscal year of a voucher."""
    return template.format(kind=PAGES[entity_type], year=quote(year, safe=""), number=quote(number, safe=""))

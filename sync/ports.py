"""The interfaces through which flows use the two remote systems, implemented by ``integrations`` and test fakes.

The same polls, flows and diagnostics run with another ERP that implements :class:`InspectableErp`. Every call may
raise UnavailableError (nothing was saved) and MisconfiguredError; one that saves may also raise
OutcomeUnknownError (it may have been saved) and RejectedError.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, Protocol

from i18n.messages import Message
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from models.inbox.missed_webhooks import ModifiedRecord
from sync.errors import SyncError
from sync.records import (
    Address,
    BookedVouchers,
    Company,
    CompanyDraft,
    Customer,
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
    VoucherDocument,
    VoucherDocuments,
)


class ProjectExpenses(Protocol):
    """The expenses on Moment's projects (M4)."""

    def project_numbered(self, number: int) -> str | None: ...

    def activity(self, project_id: str, name: str) -> str:
        """Find a project's activity by its name (in any case), or create it if Moment allows that.

        Raises RejectedError, naming project and activity, if it does not exist and cannot be created, or is
        closed.
        """

    def find_expense(self, external_id: str) -> str | None: ...

    def expenses_from(self, first: date) -> Iterator[ExistingExpense]:
        """Return ours from a day on, and possibly some before; what cannot be read is ``unreadable``."""

    def create_expense(self, draft: ExpenseDraft) -> str:
        """Create an accepted expense and return its id; not safe to repeat."""

    def update_expense(self, expense_id: str, draft: ExpenseDraft, *, activity: str) -> bool:
        """Update what the ledger decides; False if the expense no longer exists.

        Only one that moves to another project gets the activity. Raises RejectedError if it is invoiced and
        differs.
        """

    def delete_expense(self, expense_id: str) -> bool:
        """Delete an expense; False if it no longer exists. Raises RejectedError if it is invoiced."""

    def document_names(self, expense_id: str) -> Sequence[str] | None:
        """Return the names of an expense's documents; None if the expense no longer exists."""

    def upload_document(self, expense_id: str, *, name: str, media_type: str, content: BinaryIO) -> None:
        """Upload a document, read from ``content`` in pieces; not safe to repeat."""


class SupplierVouchers(Protocol):
    """Suppliers' vouchers in the ledger of the ERP."""

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        """Return the vouchers with a line on these accounts that changed in a period (UTC), in one call.

        It may also return some with a line on an account between these. A voucher is named by its fiscal year, its
        type and its number: "2026-4-40001".
        """

    def voucher_name(self, day: date, *, type_: int, number: int) -> str:
        """Return the name of a voucher: the fiscal year of the day, type and number."""

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        """Read all lines of a voucher, including hidden ones; none if it does not exist."""

    def documents_of(self, stamps: Collection[int]) -> Mapping[int, VoucherDocuments]:
        """Return the documents of stamps, which lines share with them (S34), in two calls per 500."""

    def open_document(
        self, document: VoucherDocument, *, renew_lease: Callable[[], None]
    ) -> AbstractContextManager[BinaryIO]:
        """Download and verify a document, renewing the lease before each chunk. Raises RejectedError."""


class Moment(ProjectExpenses, Protocol):
    """One company in Moment. Reading a record that does not exist returns None."""

    def reading_ahead(self, entity_type: EntityType, record_ids: Sequence[str]) -> AbstractContextManager[None]:
        """Read records concurrently that the block asks for; an error is raised when its record is asked for."""

    def customer(self, record_id: str) -> Customer | None: ...

    def project(self, record_id: str) -> Project | None: ...

    def invoice(self, record_id: str) -> Invoice | None:
        """Read one invoice, with the account number and tax code of each line."""

    def invoices_of(self, first: date, last: date) -> Iterator[Invoice]:
        """Return the finalized invoices of these days; what cannot be read is ``unreadable``."""

    def write_customer_number(self, record_id: str, number: int) -> None:
        """Set the customer number of a customer; safe to repeat."""

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:
        """Return the ids of the records of a type changed at or after ``since`` (UTC), and possibly some more."""

    def modified(self, entity_type: EntityType, *, since: datetime) -> Iterable[ModifiedRecord]:
        """Return the same records, each with the time of its last change."""

    def invoice_url(self, record_id: str) -> str:
        """Return the URL where a person opens the invoice in Moment."""


class Erp(SupplierVouchers, Protocol):
    """One client in the ERP."""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        """Create or overwrite customers in one call; return a customer number or a rejection for each."""

    def find_company(self, moment_id: str) -> Company | None:
        """Return the customer that was saved with this Moment id."""

    def company(self, number: int) -> Company | None: ...

    def existing_companies(self, numbers: Collection[int]) -> Collection[int]:
        """Return which of these customers and suppliers exist, in one call, bypassing the cache."""

    def addresses(self, numbers: Collection[int]) -> Mapping[int, Address]:
        """Read the postal addresses of these customers in one call; customers without one are left out."""

    def all_companies(self) -> Collection[Company]:
        """Return all customers and suppliers: first two calls per thousand, later one call for all changes."""

    def save_project(self, draft: ProjectDraft) -> None:
        """Create or overwrite a project; safe to repeat."""

    def project(self, number: int) -> ExistingProject | None:
        """Read a project, bypassing the cache."""

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Return the projects with these numbers, including closed ones, in at most two calls.

        A project whose number was free a minute ago may be missing.
        """

    def tax_codes(self) -> Mapping[int, str]:
        """Return the VAT code of every account in the chart, empty if it has none."""

    def vat_codes(self) -> Mapping[str, VatCode]:
        """Return the VAT codes, each with its rate and the account of its VAT."""

    def currency_rates(self) -> Mapping[str, Decimal]:
        """Return the value in kroner of one unit of each currency for which the ERP has a rate."""

    def fiscal_years(self) -> Sequence[FiscalYear]: ...

    def next_voucher_number(self, day: date) -> int:
        """Return the next number of the series of outgoing invoices in the fiscal year of ``day``."""

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        """Post vouchers of one fiscal year in one call: all, or an error that says what may have been saved."""

    def posted(self, invoice_number: int, *, day: date) -> Sequence[LedgerLine]:
        """Return the lines in the ledger with this invoice number, from the fiscal years around ``day``."""

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        """Return the lines in the ledger of invoices and costs, with a call for each month; hidden ones too."""

    def forget(self, *parts: SetupPart) -> None:
        """Drop parts of the accounting setup from the cache, or all of it including customers."""

    def identities(self) -> Sequence[Identity]:
        """Return the clients that the login reaches, without a session."""


class InspectableMoment(Moment, Protocol):
    """Further calls, which only the diagnostics need."""

    def last_invoice_number(self, *, since: datetime) -> int | None:
        """Return the highest number of the invoices finalized or changed since an instant (UTC), if any."""

    def has_activity(self, name: str) -> bool:
        """Return whether some project has an open activity with this name (in any case)."""

    def account_codes(self) -> Mapping[int, str]:
        """Return the numbers of the accounts that invoices are booked on, with the VAT code of each (M13)."""

    def account_numbers(self) -> Mapping[str, int]:
        """Return the ids of the accounts that invoices are booked on, with their numbers; two may share one."""

    def contact_fields(self, customer_id: str) -> tuple[Collection[Message], Collection[Message]]:
        """Return the contact fields that Moment returns without a request, and those it never returns (M20)."""


class InspectableErp(Erp, Protocol):
    """Further calls, which only the diagnostics need."""

    def identity_id(self) -> str:
        """Return the client that the connection uses. Raises MisconfiguredError if that is ambiguous."""

    def client_name(self) -> str:
        """Return the name of the client, as the logged-in user sees it."""

    def count_companies(self) -> tuple[int, int]:
        """Count active and inactive ones on the first page of the customer list, and read the changes after it."""

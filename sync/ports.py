"""The two remote systems as the flows see them; ``integrations`` fulfils these, the fakes of the tests too.

The ERP is 24SevenOffice, and nothing here is its own but the client id of projects: another one that fulfils
:class:`InspectableErp` is run by the same polls, flows and doctor.

Every call may raise :class:`~sync.errors.UnavailableError` (nothing was saved) and
:class:`~sync.errors.MisconfiguredError`; a call that saves may also raise
:class:`~sync.errors.OutcomeUnknownError` (it may have been saved) and :class:`~sync.errors.RejectedError`.
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
    VoucherFile,
    VoucherFiles,
)


class ProjectExpenses(Protocol):
    """The expenses on Moment's projects (M4)."""

    def project_numbered(self, number: int) -> str | None: ...

    def activity(self, project_id: str, name: str) -> str:
        """Find a project's activity by its name (whatever its case), or make it where Moment lets us.

        Raises RejectedError, naming project and activity, where it is neither there nor can be made, or is closed.
        """

    def find_expense(self, external_id: str) -> str | None: ...

    def expenses_from(self, first: date) -> Iterator[ExistingExpense]:
        """Return the expenses with an external id that are dated on or after a day, and perhaps some of before.

        One that cannot be read comes along as ``unreadable``.
        """

    def create_expense(self, draft: ExpenseDraft) -> str:
        """Make an accepted expense and tell its id; not safe to repeat."""

    def update_expense(self, expense_id: str, draft: ExpenseDraft, *, activity: str) -> bool:
        """Put right what the ledger decides of an expense; False where it no longer exists.

        Activity, billing and approval are the project's own. Only an expense on another project than its cost is
        given the activity of this name. Raises RejectedError for one that is invoiced and differs.
        """

    def delete_expense(self, expense_id: str) -> bool:
        """Remove an expense; False where it no longer exists. Raises RejectedError for one that is invoiced."""

    def attachments(self, expense_id: str) -> Sequence[str] | None:
        """Return the names of an expense's files; None where the expense no longer exists."""

    def attach(self, expense_id: str, *, name: str, media_type: str, content: BinaryIO) -> None:
        """Upload a file, read from ``content`` a piece at a time; not safe to repeat."""


class SupplierVouchers(Protocol):
    """What suppliers' vouchers look like in the ledger of the ERP."""

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        """Return the vouchers with a line on these accounts created or changed in a span of UTC, in one call.

        Perhaps also some with a line on an account between these. A voucher is named by its fiscal year, its type
        and its number: "2026-4-40001".
        """

    def voucher_name(self, day: date, *, type_: int, number: int) -> str:
        """Name a voucher of a day by its fiscal year, type and number."""

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        """Read all lines of a voucher, hidden ones too; none where it does not exist (any more)."""

    def files_of(self, stamps: Collection[int]) -> Mapping[int, VoucherFiles]:
        """Return the documents behind stamps, the numbers that lines and their documents share (S34).

        It takes two calls for each five hundred.
        """

    def fetch(self, file: VoucherFile, *, renew_lease: Callable[[], None]) -> AbstractContextManager[BinaryIO]:
        """Bring a document to a temporary file, in chunks, held against its checksum.

        ``renew_lease`` is called before each chunk, since a large document takes longer than a claim holds by
        itself. Raises RejectedError where it is gone or broken over there.
        """


class Moment(ProjectExpenses, Protocol):
    """Moment, one company's worth of it. Reading a record that does not exist gives None."""

    def reading_ahead(self, entity_type: EntityType, record_ids: Sequence[str]) -> AbstractContextManager[None]:
        """Read records beside each other that are asked for one by one inside the block.

        What goes wrong is raised when the record is asked for; what has not begun when the block ends is left.
        """

    def customer(self, record_id: str) -> Customer | None: ...

    def project(self, record_id: str) -> Project | None: ...

    def invoice(self, record_id: str) -> Invoice | None:
        """Read one invoice, with the account number and tax code of each line."""

    def invoices_of(self, first: date, last: date) -> Iterator[Invoice]:
        """Return the finalized invoices dated in these days, both included, with lines whatever their transfer.

        One that cannot be read comes along as ``unreadable``, also where that is its date.
        """

    def write_customer_number(self, record_id: str, number: int) -> None:
        """Set the customer number of a customer; safe to repeat."""

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:
        """Return the ids of the records of a kind changed at or after ``since`` (UTC), and perhaps some more."""

    def modified(self, entity_type: EntityType, *, since: datetime) -> Iterable[ModifiedRecord]:
        """Return the same, with the instant at which each was modified last."""

    def invoice_url(self, record_id: str) -> str:
        """Return the address where a person opens the invoice in Moment."""


class Erp(SupplierVouchers, Protocol):
    """The ERP, one client's worth of it."""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        """Create or overwrite customers in one call; the answer is a customer number or a refusal for each."""

    def find_company(self, moment_id: str) -> Company | None:
        """Find the customer that was saved with this Moment id."""

    def company(self, number: int) -> Company | None: ...

    def existing_companies(self, numbers: Collection[int]) -> Collection[int]:
        """Return which of these customers and suppliers there are, in one call; what is gone is in no register."""

    def addresses(self, numbers: Collection[int]) -> Mapping[int, Address]:
        """Read the postal addresses of those of these customers that have one, in one call."""

    def all_companies(self) -> Collection[Company]:
        """Return all customers and suppliers that there are at this moment.

        It costs two calls for each thousand the first time, and later one for all that has changed since.
        """

    def save_project(self, draft: ProjectDraft) -> None:
        """Create or overwrite a project; safe to repeat."""

    def project(self, number: int) -> ExistingProject | None:
        """Read a project as it is at this moment."""

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Read those of the projects with these numbers that there are, closed ones too, in two calls at the most.

        One whose number was free a minute ago may be left out.
        """

    def tax_codes(self) -> Mapping[int, str]:
        """Return the VAT code of every account in the chart of accounts, empty text where it has none."""

    def vat_codes(self) -> Mapping[str, VatCode]:
        """Return the VAT codes that there are, each with its rate and the account of its VAT."""

    def currency_rates(self) -> Mapping[str, Decimal]:
        """Return kroner for one unit of each currency that the ERP knows a rate of."""

    def fiscal_years(self) -> Sequence[FiscalYear]: ...

    def next_voucher_number(self, day: date) -> int:
        """Return the next number of the series of outgoing invoices in the fiscal year of ``day``."""

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        """Post vouchers of one fiscal year in one call: all of them, or an error that says what may have been."""

    def posted(self, invoice_number: int, *, day: date) -> Sequence[LedgerLine]:
        """Return the lines in the ledger that carry this invoice number, from the fiscal year around ``day``."""

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        """Return these days' lines, both included: of outgoing invoices, with an invoice number, and with costs.

        It takes one call for each month. What stands in a journal is not there; hidden lines are.
        """

    def forget(self, *parts: SetupPart) -> None:
        """Drop parts of the accounting setup from the cache, since someone may just have corrected them.

        Where none is named, all that is cached is dropped, customers too.
        """

    def identities(self) -> Sequence[Identity]:
        """Return which clients the login reaches; needs no session."""


class InspectableMoment(Moment, Protocol):
    """What the doctor looks at besides; no flow needs it."""

    def last_invoice_number(self, *, since: datetime) -> int | None:
        """Return the highest number of the invoices finalized or changed since an instant (UTC), if any."""

    def has_activity(self, name: str) -> bool:
        """Return whether some project has an open activity of this name (whatever its case)."""

    def account_codes(self) -> Mapping[int, str]:
        """Return the numbers of the accounts that invoices are booked on, with the VAT code set for each (M13)."""

    def account_numbers(self) -> Mapping[str, int]:
        """Return the ids of the accounts that invoices are booked on, with their numbers; two may share one."""

    def contact_fields(self, customer_id: str) -> tuple[Collection[Message], Collection[Message]]:
        """Return which contact fields of a customer are told unasked, and which not even when asked for (M20)."""


class InspectableErp(Erp, Protocol):
    """What the doctor looks at besides; no flow needs it."""

    def identity_id(self) -> str:
        """Return which of the clients that the login reaches is worked in.

        Raises MisconfiguredError where that is not clear.
        """

    def client_name(self) -> str:
        """Return what the client calls itself, as the one who is logged in sees it."""

    def count_companies(self) -> tuple[int, int]:
        """Count the customers and suppliers in use and out of use that the beginning of the register tells.

        What has changed since the last of them did is asked for as well: two calls, however many there are.
        """

"""The two remote systems as the flows see them; ``integrations`` fulfils these, the fakes of the tests too.

Every call may raise :class:`~sync.errors.Unavailable` (nothing was saved) and
:class:`~sync.errors.Misconfigured`; a call that saves may also raise :class:`~sync.errors.Uncertain` (it may
have been saved) and :class:`~sync.errors.Rejected`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from models.words import Kind
    from sync.errors import SyncError
    from sync.records import (
        Company,
        CompanyDraft,
        Customer,
        FiscalYear,
        Identity,
        Invoice,
        PostedLine,
        Project,
        ProjectDraft,
        Voucher,
    )


class Moment(Protocol):
    """Moment, one company's worth of it. Reading a record that does not exist gives None."""

    def customer(self, record_id: str) -> Customer | None:
        """Read one customer."""
        ...

    def project(self, record_id: str) -> Project | None:
        """Read one project."""
        ...

    def invoice(self, record_id: str) -> Invoice | None:
        """Read one invoice, with the account number and tax code of each line."""
        ...

    def return_customer_number(self, record_id: str, number: int) -> None:
        """Set the customer number of a customer; safe to repeat."""
        ...

    def changed(self, kind: Kind, *, since: datetime) -> Iterable[str]:
        """Tell the ids of the records of a kind changed at or after ``since`` (UTC), and perhaps some more."""
        ...

    def invoice_address(self, record_id: str) -> str:
        """Tell the address where a person opens the invoice in Moment."""
        ...


class Erp(Protocol):
    """24SevenOffice, one client's worth of it."""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        """Create or overwrite customers in one call; the answer is a customer number or a refusal for each."""
        ...

    def find_company(self, moment_id: str) -> Company | None:
        """Find the customer that carries this Moment id as its ExternalId."""
        ...

    def company(self, number: int) -> Company | None:
        """Read the customer with this customer number."""
        ...

    def save_project(self, draft: ProjectDraft) -> None:
        """Create or overwrite a project; safe to repeat."""
        ...

    def tax_codes(self) -> Mapping[int, str]:
        """Tell the TaxNo of every account in the chart of accounts, empty text where it has none."""
        ...

    def fiscal_years(self) -> Sequence[FiscalYear]:
        """Tell the fiscal years that are set up."""
        ...

    def next_voucher_number(self, day: date) -> int:
        """Tell the next number of the series of outgoing invoices in the fiscal year of ``day``."""
        ...

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:
        """Post vouchers of one fiscal year in one call: all of them, or an error that says what may have been."""
        ...

    def posted(self, invoice_number: int, *, day: date) -> Sequence[PostedLine]:
        """Tell the lines in the ledger that carry this invoice number, from the fiscal year around ``day``."""
        ...

    def forget(self) -> None:
        """Drop what was remembered of accounts and fiscal years, since someone may have mended them."""
        ...

    def identities(self) -> Sequence[Identity]:
        """Tell which clients the login reaches; needs no session."""
        ...

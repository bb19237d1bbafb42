"""The records to sync, as frozen values that are independent of both systems."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from typing import Literal

from sync.money import NOK


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a customer (M9); ``country`` is a two-letter code."""

    use: Literal["post", "visit", "delivery", "invoice"] = "post"
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer in Moment (M2). ``number`` is the 24SevenOffice customer number, if known.

    An email address is empty if Moment does not return it (M20), even though there may be one. ``is_company`` is
    None if Moment does not return it (M22).
    """

    id: str
    name: str
    number: str = ""
    organization_number: str = ""
    email: str = ""
    invoice_email: str = ""
    is_company: bool | None = True
    country: str = ""
    phone: str = ""
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A project in Moment (M3). ``number`` is text in Moment and must be a whole number in 24SevenOffice."""

    id: str
    name: str
    number: str
    customer_id: str = ""
    starts: date | None = None
    ends: date | None = None


class ExportStatus(StrEnum):
    """Moment's export status of an invoice (M7)."""

    TO_TRANSFER = "wanted"
    TRANSFERRED = "done"
    DO_NOT_TRANSFER = "unwanted"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """The amount of a line on a revenue account: ``amount`` including VAT, in the invoice's currency.

    ``account_id`` is Moment's id of the account, as two may share a number. ``vat`` is the rate in percent that
    Moment charged and ``net`` the amount without VAT, None if Moment does not return it.
    """

    amount: Decimal
    account: int
    tax_code: str = ""
    project_id: str = ""
    account_id: str = ""
    vat: Decimal | None = None
    net: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or credit note in Moment (M1); a credit note's amounts are negative.

    ``total`` includes VAT and is in ``currency``; ``rate`` is the price of one unit of it in kroner (M8). Days are
    days of the Oslo calendar. ``credited`` is the number of the invoice that a credit note reverses, if it names
    one; lists lack it. ``unreadable`` says why an invoice in a list could not be read. It then has no lines, and
    has a day and a number only if those are readable.
    """

    id: str
    number: int | None
    day: date
    due: date | None
    total: Decimal
    lines: tuple[InvoiceLine, ...]
    customer_id: str
    project_id: str = ""
    finalized: bool = True
    credit_note: bool = False
    export_status: ExportStatus = ExportStatus.TO_TRANSFER
    kid: str = ""
    currency: str = NOK
    rate: Decimal | None = None
    description: str = ""
    your_reference: str = ""
    credited: int | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """Details of a customer that accountants may edit in 24SevenOffice (S14)."""

    phone: str = ""
    country: str = ""
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyDraft:
    """A customer to be saved in 24SevenOffice. ``number`` is None if 24SevenOffice has not assigned one yet.

    ``details`` are None, and an email address empty, to leave them unchanged. If ``is_company`` is None, an
    existing customer stays what it is, and a new one is a business.
    """

    moment_id: str
    name: str
    organization_number: str
    email: str
    invoice_email: str
    is_company: bool | None
    number: int | None = None
    details: CustomerDetails | None = None

    def as_company(self, number: int) -> Company:
        return Company(
            number=number,
            name=self.name,
            organization_number=self.organization_number,
            moment_id=self.moment_id,
            emails=tuple(dict.fromkeys(email for email in (self.email, self.invoice_email) if email)),
            person=self.is_company is False,
        )


@dataclass(frozen=True, slots=True)
class Company:
    """A customer in 24SevenOffice; ``moment_id`` is its ExternalId, empty if it has none.

    The other fields are set only in the customer list, which includes suppliers. ``person`` says that it is a
    private person.
    """

    number: int
    name: str
    organization_number: str = ""
    moment_id: str = ""
    emails: tuple[str, ...] = ()
    supplier: bool = False
    active: bool = True
    person: bool = False


@dataclass(frozen=True, slots=True)
class ProjectDraft:
    """A project to be saved in 24SevenOffice; the gateway adds the client id."""

    number: int
    name: str
    customer_number: int | None = None
    starts: date | None = None
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class ExistingProject:
    """A project in 24SevenOffice; ``client_id`` is the value of the connection's field for it.

    Of a ``closed`` project, a list has only the number and the name.
    """

    number: int
    name: str
    customer_number: int | None = None
    client_id: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a voucher as it is sent: ``amount`` in øre, positive in debit and negative in credit."""

    account: int
    amount: int
    customer_number: int
    tax_code: str = ""
    project_number: int | None = None
    department: int | None = None


@dataclass(frozen=True, slots=True)
class Revenue:
    """An invoice's revenue on an account, VAT code and project: øre with and without VAT, negative in credit."""

    account: int
    tax_code: str
    project_number: int | None
    gross: int
    net: int


@dataclass(frozen=True, slots=True)
class OutputVat:
    """The VAT of an invoice under a VAT code: øre, negative in credit, on the code's account.

    ``account`` is None if 24SevenOffice does not return it. 24SevenOffice may round by up to ``slack`` øre
    differently when it splits VAT off line by line. A code that is ``untaxed`` is at 0 % and never has any VAT.
    ``off_rate`` is the difference in øre from the code's rate on its revenue, None if it is more than rounding
    explains.
    """

    tax_code: str
    account: int | None
    amount: int
    slack: int = 0
    untaxed: bool = False
    off_rate: int | None = 0


@dataclass(frozen=True, slots=True)
class Voucher:
    """The voucher of one invoice in the journal of 24SevenOffice; its first entry is the :attr:`receivable`.

    ``currency`` is the invoice's; the amounts are always in øre. ``revenue`` and ``vat`` are what the ledger
    should have. ``voucher_vat`` is how the VAT is sent, as in the setting: in its own entries (``net``), or within
    entries from which 24SevenOffice splits it off (``gross``).
    """

    number: int
    invoice_number: int
    day: date
    due: date
    entries: tuple[Entry, ...]
    kid: str = ""
    comment: str = ""
    currency: str = NOK
    revenue: tuple[Revenue, ...] = ()
    vat: tuple[OutputVat, ...] = ()
    voucher_vat: str = "net"

    @property
    def receivable(self) -> Entry:
        return self.entries[0]

    @property
    def counter_entries(self) -> tuple[Entry, ...]:
        """The entries of revenue and VAT, empty if there is nothing to post."""
        return self.entries[1:]


class SetupPart(StrEnum):
    """A part of the ERP's accounting setup, which rarely changes and is cached."""

    CHART = "chart"
    VAT_CODES = "vat_codes"
    FISCAL_YEARS = "fiscal_years"
    VOUCHER_TYPE = "voucher_type"
    CURRENCIES = "currencies"


NO_VAT_CODE = "0"
"""Written for an account or a line without a VAT code; an empty code means the same."""


def is_vat_code(code: str) -> bool:
    """Return whether an account or a line has a VAT code: neither an empty one nor "0"."""
    return code not in {"", NO_VAT_CODE}


@dataclass(frozen=True, slots=True)
class VatCode:
    """A 24SevenOffice VAT code: its rate in percent, and the account of its VAT, None if not returned.

    ``id`` is 24SevenOffice's internal id, which no voucher uses.
    """

    rate: Decimal
    account: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of accounts: the VAT code of each account, empty if it has none, and the codes' details."""

    accounts: Mapping[int, str]
    vat_codes: Mapping[str, VatCode]


def rates_of(codes: Mapping[str, VatCode]) -> dict[str, Decimal]:
    """Return the rates of VAT codes, in percent."""
    return {number: code.rate for number, code in codes.items()}


@dataclass(frozen=True, slots=True)
class FiscalYear:
    """A 24SevenOffice fiscal year, first and last day included."""

    starts: date
    ends: date
    locked: bool

    @property
    def number(self) -> int:
        """The year's number as vouchers name it (``Bundle.YearId``)."""
        return self.starts.year


def is_ambiguous(year: FiscalYear, years: Iterable[FiscalYear]) -> bool:
    """Return whether another fiscal year has the same number, because it begins in the same calendar year."""
    return any(each.number == year.number and each.starts != year.starts for each in years)


def year_name(day: date, years: Sequence[FiscalYear]) -> str:
    """Return the name of a day's fiscal year, or the calendar year if none is set up: "2026".

    If two begin in one calendar year, the later one is named by its first day: "20260701".
    """
    found = next((year for year in years if year.starts <= day <= year.ends), None)
    if found is None:
        return str(day.year)
    is_later = any(year.number == found.number and year.starts < found.starts for year in years)
    return f"{found.starts:%Y%m%d}" if is_later else str(found.number)


@dataclass(frozen=True, slots=True)
class Identity:
    """One client (a company's ledger) that a login of 24SevenOffice reaches.

    ``client_number`` is the same for all users of the client, 0 if it is not returned; ``id`` is this user's own.
    """

    id: str
    client: str
    usable: bool = True
    client_number: int = 0


@dataclass(frozen=True, slots=True)
class ExpenseDraft:
    """A project expense to be saved in Moment (M4): ``amount`` in øre including VAT, negative for a credit note.

    ``external_id`` is our key, by which the expense is found again. ``day`` is the supplier's invoice date.
    """

    external_id: str
    project_id: str
    activity_id: str
    description: str
    amount: int
    supplier: str
    invoice_number: str
    day: date
    billable: bool


@dataclass(frozen=True, slots=True)
class VoucherDocument:
    """A document of a voucher in 24SevenOffice, as GetFileInfo returns it; only the gateway reads ``handle``.

    ``type`` is the vendor's word in lower case (pdf, png, tiff, jpeg, ...). ``supplier`` and ``invoice_number``
    were read from the document, and are empty if it shows none.
    """

    id: str
    type: str
    supplier: str = ""
    invoice_number: str = ""
    handle: object = None


@dataclass(frozen=True, slots=True)
class VoucherDocuments:
    """The approved documents of a stamp, and whether others still wait for approval (S6)."""

    approved: tuple[VoucherDocument, ...] = ()
    pending: bool = False

    @property
    def is_held_back(self) -> bool:
        """Whether there are documents and none is approved."""
        return self.pending and not self.approved


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line of a voucher in the ledger: ``amount`` in øre, positive in debit and negative in credit.

    Fiscal year, ``type`` and ``voucher_number`` together name its voucher (S21). ``system_type`` is the vendor's
    word for the type, empty if there is none. Suppliers are customers too. ``due`` and ``department`` are None if
    the line does not have them (S35, S36).
    """

    account: int
    amount: int
    day: date
    vat_code: str = ""
    project_number: int | None = None
    voucher_number: int = 0
    type: int = 0
    system_type: str = ""
    customer_number: int | None = None
    customer_name: str = ""
    invoice_number: str = ""
    text: str = ""
    currency: str = NOK
    due: date | None = None
    department: int | None = None
    stamp: int | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class ExistingExpense:
    """An expense with an external id in Moment (M18): ``amount`` in øre including VAT.

    ``unreadable`` says why it could not be read. It then has only its ids.
    """

    id: str
    external_id: str
    project_id: str = ""
    description: str = ""
    amount: int = 0
    currency: str = NOK
    supplier: str = ""
    invoice_number: str = ""
    day: date | None = None
    invoiced: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class BookedVouchers:
    """The ledger's lines of some days, including hidden ones.

    ``sales`` are the lines of outgoing invoices. ``supplier_vouchers`` are, by name, the vouchers with a line on
    the requested accounts, and those whose lines of these days do not balance, because other days have the rest.
    ``numbered`` are all lines with an invoice number, whatever their voucher.
    """

    sales: Sequence[LedgerLine] = ()
    supplier_vouchers: Mapping[str, Sequence[LedgerLine]] = field(default_factory=dict)
    numbered: Sequence[LedgerLine] = ()

    def within(self, before: BookedVouchers, after: BookedVouchers) -> BookedVouchers:
        """Add the lines of the days before and after."""
        supplier_vouchers: dict[str, list[LedgerLine]] = defaultdict(list)
        periods = (before, self, after)
        for name, lines in chain.from_iterable(period.supplier_vouchers.items() for period in periods):
            supplier_vouchers[name] += lines
        return BookedVouchers((*self.sales, *before.sales, *after.sales), dict(supplier_vouchers))


def is_partial(lines: Sequence[LedgerLine]) -> bool:
    """Return whether the lines are only part of a voucher: a whole voucher balances, with its hidden lines."""
    return sum(line.amount for line in lines) != 0


def fingerprint(*values: object) -> str:
    """Hash the values that are sent, so that a later change can be detected."""
    return hashlib.sha256(repr(values).encode()).hexdigest()

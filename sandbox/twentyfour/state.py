"""The data of 24SevenOffice: plain, so that they can be pickled whole, with no rules but the counting of numbers.

Customers and projects are stored as the API sent them, under the contract's own names. Vouchers, which the rules
of bookkeeping are about, have their own types. Amounts are kroner, positive in debit and negative in credit.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import md5
from typing import Any

Value = Any
"""The value of a field: text, number, day, record or list, as the contract's type says."""

Fields = dict[str, Value]
"""A record of the contract: field names and values, without unset ones."""


@dataclass
class Account:
    """An account in the chart; on a ``ledger`` account every entry belongs to a customer or supplier."""

    number: int
    name: str
    tax: str = "0"
    ledger: bool = False


@dataclass
class TaxCode:
    """A VAT code: outgoing ones are for revenue accounts (3xxx), incoming ones for cost accounts (4xxx and up)."""

    id: int
    number: str
    name: str
    rate: Decimal
    outgoing: bool
    account: int | None = None


@dataclass
class Year:
    """A fiscal year, the same as the calendar year."""

    id: str
    number: int
    locked: bool = False

    @property
    def starts(self) -> date:
        return date(self.number, 1, 1)

    @property
    def ends(self) -> date:
        return date(self.number, 12, 31)


@dataclass
class Series:
    """A series of voucher numbers, counted from ``start`` in each fiscal year."""

    id: int
    name: str
    start: int


@dataclass
class VoucherType:
    """A type of voucher: ``number`` is its number in vouchers, ``system_type`` the API's own word for it."""

    id: int
    number: int
    title: str
    series: int
    system_type: str


@dataclass
class Line:
    """One line of a voucher. ``customer`` may be a supplier's number: 24SevenOffice has one list for both."""

    id: str
    account: int
    amount: Decimal
    day: date
    changed: datetime
    registered: datetime
    due: date | None = None
    customer: int | None = None
    project: int | None = None
    department: int | None = None
    invoice: str = ""
    ocr: str = ""
    bank_account: str = ""
    tax: str = ""
    comment: str = ""
    stamp: int | None = None
    hidden: bool = False
    currency: str = "NOK"
    rate: Decimal = Decimal(1)
    unit: int = 1


@dataclass
class Voucher:
    """A voucher in the ledger, or, until it is ``posted``, in a journal."""

    number: int
    year: int
    type: VoucherType
    lines: list[Line]
    posted: bool = True

    @property
    def key(self) -> tuple[int, int, int]:
        return (self.type.series, self.year, self.number)


@dataclass
class File:
    """A scanned document; ``meta`` is what was read from it, ``stamp`` links it to the lines of its voucher.

    A ``damaged`` one is returned with other bytes than were scanned.
    """

    id: int
    stamp: int
    type: str
    content: bytes
    registered: datetime
    changed: datetime
    approved: bool = True
    damaged: bool = False
    frames: int = 1
    meta: dict[str, str] = field(default_factory=dict)

    @cached_property
    def md5(self) -> str:
        """The API's checksum, of what was scanned."""
        return md5(self.content, usedforsecurity=False).hexdigest()


@dataclass
class Client:
    """One company's ledger.

    ``splits_vat`` says that VAT is split off what is posted at once. ``exact_vat`` says that VAT is compared with
    its rate to the øre. It is unknown whether 24SevenOffice does either.
    """

    id: int
    name: str
    organization_number: str
    accounts: dict[int, Account]
    tax_codes: dict[str, TaxCode]
    types: dict[int, VoucherType]
    series: dict[int, Series]
    years: dict[int, Year]
    splits_vat: bool = False
    exact_vat: bool = False
    departments: dict[int, str] = field(default_factory=dict)
    customers: dict[int, Fields] = field(default_factory=dict)
    projects: dict[int, Fields] = field(default_factory=dict)
    vouchers: dict[tuple[int, int, int], Voucher] = field(default_factory=dict)
    files: dict[int, File] = field(default_factory=dict)
    last_customer: int = 10000
    last_stamp: int = 500
    last_file: int = 0

    def new_customer(self) -> int:
        self.last_customer += 1
        return self.new_customer() if self.last_customer in self.customers else self.last_customer

    def next_project(self) -> int:
        return max([0, *self.projects]) + 1

    def next_voucher(self, series: int, year: int) -> int:
        used = (number for of, when, number in self.vouchers if (of, when) == (series, year))
        return max([self.series[series].start - 1, *used]) + 1

    def new_stamp(self) -> int:
        self.last_stamp += 1
        return self.last_stamp

    def new_file(self) -> int:
        self.last_file += 1
        return self.last_file


@dataclass
class Identity:
    id: str
    client: int
    default: bool = False
    disabled: bool = False


@dataclass
class Login:
    username: str
    password: str
    identities: list[Identity]
    blocked: bool = False


@dataclass
class State:
    clients: dict[int, Client]
    logins: dict[str, Login]

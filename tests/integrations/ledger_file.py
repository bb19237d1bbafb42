"""Another ERP, read only: its ledger is a file of comma-separated values.

It shows what a second ERP takes: one package that implements the ports of :mod:`sync.ports`.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from models.connections.account_ranges import AccountRanges
from sync.errors import RejectedError, SyncError
from sync.records import (
    Address,
    BookedVouchers,
    Company,
    CompanyDraft,
    ExistingProject,
    FiscalYear,
    Identity,
    LedgerLine,
    ProjectDraft,
    SetupPart,
    VatCode,
    Voucher,
    VoucherDocument,
    VoucherDocuments,
)

IDENTITY = Identity("00000000-0000-0000-0000-000000000001", "The file")
OUTGOING_INVOICE = "1"
"""The type of vouchers that are invoices."""

Row = dict[str, str]


class LedgerFile:
    """One company's ledger in a file; writing is refused. Implements :class:`sync.ports.InspectableErp`.

    Each line has the columns ``year, type, number, date, changed, account, amount`` (kroner), and, as far as
    known, ``vat, project, customer, name, organization_number, invoice, text``. The chart of accounts is the file
    ``accounts.csv`` beside it: ``account, vat, rate``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        """Return the vouchers with a line on these accounts that changed in a period."""
        rows = (row for row in self._rows() if since <= datetime.fromisoformat(row["changed"]) <= until)
        return list(dict.fromkeys(_name(row) for row in rows if int(row["account"]) in accounts))

    def voucher_name(self, day: date, *, type_: int, number: int) -> str:
        """Name a voucher by the year of its day."""
        return f"{day.year}-{type_}-{number}"

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        """Read all lines of a voucher."""
        return [_ledger_line(row) for row in self._rows() if _name(row) == voucher]

    def documents_of(self, stamps: Collection[int]) -> Mapping[int, VoucherDocuments]:
        """Return no documents; the file has none."""
        return dict.fromkeys(stamps, VoucherDocuments())

    def open_document(
        self,
        document: VoucherDocument,  # noqa: ARG002 - the same
        *,
        renew_lease: Callable[[], None],  # noqa: ARG002 - the same
    ) -> AbstractContextManager[BinaryIO]:
        """Return an empty document; the file has none."""
        return BytesIO()

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        """Return the lines of invoices dated in these days, and the vouchers with costs on these accounts, whole."""
        vouchers: dict[str, list[LedgerLine]] = defaultdict(list)
        for row in self._rows():
            vouchers[_name(row)].append(_ledger_line(row))
        costly = {
            name: lines
            for name, lines in vouchers.items()
            if any(line.account in costs and first <= line.day <= last for line in lines)
        }
        dated = [line for lines in vouchers.values() for line in lines if first <= line.day <= last]
        numbered = [line for line in dated if line.invoice_number]
        return BookedVouchers(numbered, costly, numbered=numbered)

    def find_company(self, moment_id: str) -> Company | None:  # noqa: ARG002 - the file knows none of them
        """Return no customer, because the file does not have Moment's ids."""
        return None

    def company(self, number: int) -> Company | None:
        """Return the customer or supplier with this number, as the first ledger line on it has it."""
        found = next((row for row in self._rows() if row["customer"] == str(number)), None)
        return Company(number, found["name"], found["organization_number"]) if found else None

    def existing_companies(self, numbers: Collection[int]) -> Collection[int]:
        """Return which of these customers the ledger has lines on."""
        return [number for number in numbers if self.company(number)]

    def addresses(self, numbers: Collection[int]) -> Mapping[int, Address]:  # noqa: ARG002 - the port's
        """Return no addresses; the file has none."""
        return {}

    def all_companies(self) -> Collection[Company]:
        """Return the customers and suppliers that the ledger has lines on."""
        numbers = {int(row["customer"]) for row in self._rows() if row["customer"]}
        return [found for number in numbers if (found := self.company(number))]

    def tax_codes(self) -> Mapping[int, str]:
        """Return the VAT code of every account."""
        with (self._path.parent / "accounts.csv").open(newline="") as file:
            return {int(row["account"]): row["vat"] for row in csv.DictReader(file)}

    def vat_codes(self) -> Mapping[str, VatCode]:
        """Return the VAT codes that accounts have, with their rates; all output VAT is on one account."""
        with (self._path.parent / "accounts.csv").open(newline="") as file:
            return {row["vat"]: VatCode(Decimal(row["rate"]), 2700) for row in csv.DictReader(file) if row["vat"]}

    def currency_rates(self) -> Mapping[str, Decimal]:
        """Return no exchange rates; the file has none."""
        return {}

    def fiscal_years(self) -> Sequence[FiscalYear]:
        """Return the years that the ledger has lines of."""
        years = sorted({int(row["year"]) for row in self._rows()})
        return [FiscalYear(date(year, 1, 1), date(year, 12, 31), locked=False) for year in years]

    def next_voucher_number(self, day: date) -> int:
        """Return the number after the last invoice of the year."""
        invoices = (
            row for row in self._rows() if row["type"] == OUTGOING_INVOICE and row["year"] == str(day.year)
        )
        return 1 + max((int(row["number"]) for row in invoices), default=0)

    def posted(self, invoice_number: int, *, day: date) -> Sequence[LedgerLine]:
        """Return the lines of a year with this invoice number."""
        rows = (row for row in self._rows() if row["year"] == str(day.year))
        return [_ledger_line(row) for row in rows if row["invoice"] == str(invoice_number)]

    def project(self, number: int) -> ExistingProject | None:
        """Return the project if the ledger has lines on it; the file does not have its name."""
        known = any(row["project"] == str(number) for row in self._rows())
        return ExistingProject(number, "") if known else None

    def existing_projects(self, numbers: Collection[int]) -> Sequence[ExistingProject]:
        """Return which of these projects the ledger has lines on."""
        return [found for number in numbers if (found := self.project(number))]

    def identities(self) -> Sequence[Identity]:
        """Return the only client; a file needs no login."""
        return [IDENTITY]

    def identity_id(self) -> str:
        """Return the id of the only client."""
        return IDENTITY.id

    def client_name(self) -> str:
        """Return the name of the file."""
        return self._path.stem

    def count_companies(self) -> tuple[int, int]:
        """Count the customers and suppliers, which are all in use."""
        return len(self.all_companies()), 0

    def forget(self, *parts: SetupPart) -> None:
        """Do nothing, because nothing is cached."""

    def save_companies(self, drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        """Refuse each customer, because the file is read-only."""
        return [_read_only() for _ in drafts]

    def save_project(self, draft: ProjectDraft) -> None:  # noqa: ARG002 - whatever it is
        """Refuse the project, because the file is read-only."""
        raise _read_only()

    def post(self, vouchers: Sequence[Voucher], *, year: int) -> None:  # noqa: ARG002 - the same
        """Refuse the vouchers, because the file is read-only."""
        raise _read_only()

    def _rows(self) -> Iterator[Row]:
        with self._path.open(newline="") as file:
            yield from csv.DictReader(file)


def _read_only() -> RejectedError:
    return RejectedError("The ledger is a file, which is only read.", error_code="read_only")


def _name(row: Row) -> str:
    return f"{row['year']}-{row['type']}-{row['number']}"


def _ore(row: Row) -> int:
    return int(Decimal(row["amount"]) * 100)


def _number(text: str) -> int | None:
    return int(text) if text else None


def _ledger_line(row: Row) -> LedgerLine:
    return LedgerLine(
        account=int(row["account"]),
        amount=_ore(row),
        day=date.fromisoformat(row["date"]),
        vat_code=row["vat"],
        project_number=_number(row["project"]),
        voucher_number=int(row["number"]),
        customer_number=_number(row["customer"]),
        customer_name=row["name"],
        invoice_number=row["invoice"],
        text=row["text"],
    )

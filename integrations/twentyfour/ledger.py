"""The ledger through the Transaction service: lines of posted invoices and of suppliers' vouchers."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from i18n.messages import msg
from integrations.shared_cache import SharedCache
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import day_of, without_zone
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from models.connections.settings import ConnectionSettings
from sync.error_codes.names import NO_AMOUNT, NO_DATE
from sync.errors import RejectedError, ResponseTooLargeError, naming_record
from sync.money import NOK, to_ore
from sync.records import BookedVouchers, LedgerLine, is_partial
from sync.rules.vouchers import REVENUE_ACCOUNTS

END_OF_DAY = time(23, 59, 59)
MAX_DIGITS = 18
"""Maximum digits of a number in the database."""
OUTGOING = frozenset({"InvoiceCustomer", "CreditnoteCustomer"})


class LedgerGateway:
    """One client's ledger, read only; :mod:`sync.ports` describes each call."""

    def __init__(self, settings: ConnectionSettings, *, session: Session, cache: SharedCache) -> None:
        self._settings = settings
        self._session = session
        self._setup = AccountingSetup(session, cache)

    def posted(self, invoice_number: int, *, day: date) -> Sequence[LedgerLine]:
        year = self._setup.year_of(day)
        return list(map(_ledger_line, self._read_dated(year.starts, year.ends, InvoiceNo=str(invoice_number))))

    def booked(self, first: date, last: date, *, costs: AccountRanges) -> BookedVouchers:
        """Read outgoing invoices of any source (S32), costs if accounts are given, and numbered lines at once."""
        vouchers: dict[str, list[LedgerLine]] = defaultdict(list)
        for line in self._read_days(first, last):
            vouchers[self._voucher_of(line)].append(_ledger_line(line))
        return BookedVouchers(
            sales=[line for lines in vouchers.values() if self._is_outgoing(lines) for line in lines],
            supplier_vouchers={
                voucher: lines
                for voucher, lines in vouchers.items()
                if costs.intervals and (any(line.account in costs for line in lines) or is_partial(lines))
            },
            numbered=[line for lines in vouchers.values() for line in lines if line.invoice_number],
        )

    def changed_vouchers(self, accounts: AccountRanges, *, since: datetime, until: datetime) -> Sequence[str]:
        """Return the vouchers with a line on these accounts, or between them, that changed in a period.

        A call accepts one range only, and a line may have been moved within it. Hidden lines count: that reverses
        them.
        """
        if not accounts.intervals:
            return []
        span = {"AccountNoStart": accounts.intervals[0].start, "AccountNoEnd": accounts.intervals[-1].stop - 1}
        lines = self._search("DateChangedUTC", without_zone(since), without_zone(until, ends=True), **span)
        return list(dict.fromkeys(map(self._voucher_of, lines)))

    def supplier_voucher(self, voucher: str) -> Sequence[LedgerLine]:
        name, type_, number = voucher.split("-")
        year = self._setup.year_named(name)
        span = {"TransactionNoStart": int(number), "TransactionNoEnd": int(number)}
        lines = self._read_dated(year.starts, year.ends, **span, TransactionTypeId=int(type_))
        return list(map(_ledger_line, lines))

    def voucher_name(self, day: date, *, type_: int, number: int) -> str:
        return f"{self._setup.year_name(day)}-{type_}-{number}"

    def _voucher_of(self, line: SoapValue) -> str:
        """Return the name of a line's voucher: fiscal year, type and number (S21)."""
        return self.voucher_name(_day(line), type_=line.TransactionTypeId, number=line.TransactionNo)

    def _is_outgoing(self, lines: Sequence[LedgerLine]) -> bool:
        """Return whether a voucher is an outgoing invoice: by its type, or by a receivable with revenue (S32)."""
        accounts = {line.account for line in lines}
        invoiced = any(line.system_type in OUTGOING for line in lines)
        return invoiced or (
            self._settings.receivables_account in accounts and not accounts.isdisjoint(REVENUE_ACCOUNTS)
        )

    def _read_days(self, first: date, last: date) -> Iterator[SoapValue]:
        """Yield the lines of these days, with a call for each month, or half of it if a response is too large."""
        while first <= last:
            end = min(last, first.replace(day=monthrange(first.year, first.month)[1]))
            yield from self._read_halving(first, end)
            first = end + timedelta(days=1)

    def _read_halving(self, first: date, last: date) -> Sequence[SoapValue]:
        try:
            return self._read_dated(first, last)
        except ResponseTooLargeError:
            if first == last:
                raise
        middle = first + (last - first) // 2
        return [*self._read_halving(first, middle), *self._read_halving(middle + timedelta(days=1), last)]

    def _read_dated(self, first: date, last: date, **parameters: str | int) -> Sequence[SoapValue]:
        start, end = datetime.combine(first, time()), datetime.combine(last, END_OF_DAY)
        return self._search("EntryDate", start, end, **parameters)

    def _search(self, by: str, start: datetime, end: datetime, **parameters: str | int) -> Sequence[SoapValue]:
        """Return the lines with a date in this period that have all these values (GetTransactions)."""
        search = {"DateSearchParameters": by, "DateStart": start, "DateEnd": end, **parameters}
        return self._session.call("Transaction", "GetTransactions", searchParams=search) or []


def _ledger_line(line: SoapValue) -> LedgerLine:
    customer_number, customer_name = _dimension(line, "Customer")
    project_number, _ = _dimension(line, "Project")
    department, _ = _dimension(line, "Department")
    return LedgerLine(
        account=line.AccountNo,
        amount=_amount(line),
        day=_day(line),
        vat_code=str(line.VatCode or ""),
        project_number=project_number,
        voucher_number=line.TransactionNo or 0,
        type=line.TransactionTypeId or 0,
        system_type=line.SystemType or "",
        customer_number=customer_number,
        customer_name=customer_name,
        invoice_number=line.InvoiceNo or "",
        text=line.Comment or "",
        currency=line.Currency or NOK,
        due=day_of(line.DueDate) if line.DueDate else None,
        department=department,
        stamp=line.StampNo or None,
        hidden=line.Hidden,
    )


def _day(line: SoapValue) -> date:
    """Return the day of the voucher. Raises RejectedError, which names the voucher, for a line without one."""
    if line.Date is not None:
        return day_of(line.Date)
    raise RejectedError(
        msg(
            "Voucher {number} in 24SevenOffice has a line without a date, on account {account}.",
            number=line.TransactionNo or 0,
            account=line.AccountNo or 0,
        ),
        error_code=NO_DATE,
    )


def _amount(line: SoapValue) -> int:
    """Return the amount in kroner, whatever the currency. Raises RejectedError, which names the voucher."""
    number = line.TransactionNo or 0
    with naming_record(msg("Voucher {number}/{year}", number=number, year=_day(line).year)):
        if line.Amount is None:
            raise RejectedError(
                msg(
                    "Voucher {number} in 24SevenOffice has a line without an amount, on account {account}.",
                    number=number,
                    account=line.AccountNo or 0,
                ),
                error_code=NO_AMOUNT,
            )
        return to_ore(line.Amount)


def _dimension(line: SoapValue, type_: str) -> tuple[int | None, str]:
    """Return number and name of a line's customer, supplier or project."""
    for each in line.Dimensions.Dimension if line.Dimensions else ():
        if each.Type == type_ and (each.Value or "").isdecimal() and len(each.Value) <= MAX_DIGITS:
            return int(each.Value), each.Name or ""
    return None, ""

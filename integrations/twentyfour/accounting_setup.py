"""What one client's books look like: chart of accounts, fiscal years, the type of outgoing invoices.

They hardly ever change and requests are scarce, so they are remembered for a while.
"""

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any, TypeVar

from i18n.messages import msg
from integrations.twentyfour.instants import day_of
from integrations.twentyfour.session import ReadCache, Session
from sync.errors import MisconfiguredError
from sync.records import FiscalYear

T = TypeVar("T")

CACHE_SECONDS = 600
OUTGOING_INVOICE = "utgående faktura"  # part of the title of their type


@dataclass(frozen=True, slots=True)
class VoucherType:
    """A type of voucher: ``number`` is what vouchers name it by (assumption S10), ``series`` numbers them."""

    number: int
    series: int


def _remembered(read: Callable[["AccountingSetup"], T]) -> Callable[["AccountingSetup"], T]:

    @wraps(read)
    def recall(self: "AccountingSetup") -> T:
        with self._reading:
            try:
                recalled: T = self._remembered[read.__name__]
            except KeyError:
                recalled = self._remembered[read.__name__] = read(self)
            return recalled

    return recall


class AccountingSetup(ReadCache[str, Any]):
    def __init__(self, session: Session) -> None:
        super().__init__(session, maxsize=4, seconds=CACHE_SECONDS)

    @_remembered
    def tax_codes(self) -> Mapping[int, str]:
        """Tell the TaxNo of every account, empty text where it has none (GetAccountList)."""
        accounts = self._session.call("Account", "GetAccountList") or []
        return {account.AccountNo: str(account.TaxNo or "") for account in accounts}

    @_remembered
    def vat_codes(self) -> Mapping[str, Decimal]:
        """Tell the TaxNo of every VAT code that there is, with its rate (GetTaxCodeList)."""
        codes = self._session.call("Account", "GetTaxCodeList") or []
        return {str(code.TaxNo): _percent(code.TaxRate) for code in codes}

    @_remembered
    def fiscal_years(self) -> Sequence[FiscalYear]:
        """Tell the fiscal years that are set up (GetFiscalYears)."""
        years = self._session.call("Transaction", "GetFiscalYears") or []
        return [
            FiscalYear(starts=day_of(year.StartingDate), ends=_last_day(year.EndingDate), locked=year.IsLocked)
            for year in years
        ]

    def year_of(self, day: date) -> FiscalYear:
        """Tell the fiscal year around a day, or the calendar year where none is set up."""
        around = (year for year in self.fiscal_years() if year.starts <= day <= year.ends)
        return next(around, _calendar_year(day.year))

    def year_numbered(self, number: int) -> FiscalYear:
        """Tell the fiscal year of this number, or the calendar year where none is set up."""
        named = (year for year in self.fiscal_years() if year.number == number)
        return next(named, _calendar_year(number))

    @_remembered
    def outgoing_invoice(self) -> VoucherType:
        """Tell the type of outgoing invoices (GetTypeList). Raises MisconfiguredError where there is none."""
        types = self._session.call("Account", "GetTypeList") or []
        found = [each for each in types if OUTGOING_INVOICE in (each.Title or "").lower()]
        if not found:
            raise MisconfiguredError(
                msg("24SevenOffice has no voucher type for outgoing invoices."),
                error_code="voucher_type_missing",
                remedy=msg("Set up the type “Utgående faktura” in 24SevenOffice."),
            )
        plain = min(found, key=lambda each: len(each.Title))
        return VoucherType(number=plain.TypeNo, series=plain.EntrySeriesId)


def _percent(rate: Decimal | None) -> Decimal:
    """Read a rate in percent, also one told as a share of one (assumption S27): no country has one below 1 %."""
    rate = rate or Decimal()
    return rate * 100 if 0 < rate < 1 else rate


def _calendar_year(number: int) -> FiscalYear:
    return FiscalYear(starts=date(number, 1, 1), ends=date(number, 12, 31), locked=False)


def _last_day(end: datetime) -> date:
    """Tell the last day of a year: it comes before ``end``, and is the last of its month in any case."""
    last = day_of(end - timedelta(seconds=1))
    return last.replace(day=calendar.monthrange(last.year, last.month)[1])

"""The accounting setup of one client, which rarely changes, so all workers share what one of them has read."""

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import MINYEAR, date, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any, TypeVar

from cachetools import TTLCache
from pydantic import TypeAdapter

from i18n.messages import msg
from integrations.shared_cache import SharedCache
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import day_of
from integrations.twentyfour.session import CachedReader, Session
from sync.error_codes.names import FISCAL_YEAR_DATES, VOUCHER_TYPE_MISSING
from sync.errors import MisconfiguredError
from sync.records import FiscalYear, SetupPart, VatCode, year_name

T = TypeVar("T")

DAY = 24 * 3600
SECONDS = {
    SetupPart.CHART: DAY,
    SetupPart.VAT_CODES: DAY,
    SetupPart.FISCAL_YEARS: 7 * DAY,
    SetupPart.VOUCHER_TYPE: 7 * DAY,
    SetupPart.CURRENCIES: 7 * DAY,
}
"""How long a part is cached, unless a refusal shows that it may be outdated, as after a changed year or type."""

COPY_SECONDS = 5
"""How long a process keeps its own copy: a batch needs it for each record, a poll for each line."""

MAX_RATE = 100  # percent

OUTGOING_INVOICE = "utgående faktura"  # part of the title of the voucher type


@dataclass(frozen=True, slots=True)
class VoucherType:
    """A type of voucher: ``number`` is its number in vouchers (assumption S10), ``series`` numbers them."""

    number: int
    series: int


TYPES: Mapping[SetupPart, TypeAdapter[Any]] = {
    SetupPart.CHART: TypeAdapter(dict[int, str]),
    SetupPart.VAT_CODES: TypeAdapter(dict[str, VatCode]),
    SetupPart.FISCAL_YEARS: TypeAdapter(list[FiscalYear]),
    SetupPart.VOUCHER_TYPE: TypeAdapter(VoucherType),
    SetupPart.CURRENCIES: TypeAdapter(dict[str, Decimal]),
}

Read = Callable[["AccountingSetup"], T]


def _cached(part: SetupPart) -> Callable[[Read[T]], Read[T]]:
    def decorate(read: Read[T]) -> Read[T]:
        @wraps(read)
        def cached(self: "AccountingSetup") -> T:
            with self._reading:
                value: T | None = self._copies.get(part)
                if value is None:
                    value = self._copies[part] = self._load_or_read(part, read)
                return value

        return cached

    return decorate


class AccountingSetup(CachedReader):
    def __init__(self, session: Session, cache: SharedCache) -> None:
        super().__init__(session)
        self._cache = cache
        self._copies: TTLCache[SetupPart, Any] = TTLCache(len(SetupPart), ttl=COPY_SECONDS)

    def forget(self, *parts: SetupPart) -> None:
        """Make all workers read parts again."""
        with self._reading:
            for part in parts:
                self._copies.pop(part, None)
            self._cache.drop(*map(self._name, parts))

    @_cached(SetupPart.CHART)
    def tax_codes(self) -> Mapping[int, str]:
        """Return the TaxNo of every account, empty if it has none (GetAccountList)."""
        accounts = self._session.call("Account", "GetAccountList") or []
        return {account.AccountNo: str(account.TaxNo or "") for account in accounts}

    @_cached(SetupPart.VAT_CODES)
    def vat_codes(self) -> Mapping[str, VatCode]:
        """Return the VAT codes by TaxNo, not TaxId (GetTaxCodeList), except those with an invalid rate."""
        codes = self._session.call("Account", "GetTaxCodeList") or []
        return {
            str(code.TaxNo): VatCode(_percent(code.TaxRate), code.AccountNo or None, id=code.TaxId or 0)
            for code in codes
            if (rate := code.TaxRate or Decimal()).is_finite() and 0 <= rate <= MAX_RATE
        }

    @_cached(SetupPart.CURRENCIES)
    def currency_rates(self) -> Mapping[str, Decimal]:
        """Return the value in kroner of one unit of each currency (GetCurrencyList)."""
        listed = self._session.call("Client", "GetCurrencyList") or []
        return {
            each.Symbol.upper(): each.Rate / each.Unit
            for each in listed
            if each.Symbol and each.Unit and each.Rate and each.Rate.is_finite()
        }

    @_cached(SetupPart.FISCAL_YEARS)
    def fiscal_years(self) -> Sequence[FiscalYear]:
        """Return the dated fiscal years (GetFiscalYears). Raises MisconfiguredError if an open one is not."""
        years = self._session.call("Transaction", "GetFiscalYears") or []
        dated = [year for year in years if _is_dated(year)]
        if any(not year.IsLocked for year in years if year not in dated):
            raise MisconfiguredError(
                msg("24SevenOffice has an open fiscal year without its first or its last day."),
                error_code=FISCAL_YEAR_DATES,
            )
        return [
            FiscalYear(starts=day_of(year.StartingDate), ends=_last_day(year.EndingDate), locked=year.IsLocked)
            for year in dated
        ]

    def year_of(self, day: date) -> FiscalYear:
        """Return the fiscal year of a day, or the calendar year if none is set up."""
        found = (year for year in self.fiscal_years() if year.starts <= day <= year.ends)
        return next(found, _calendar_year(day.year))

    def year_name(self, day: date) -> str:
        """Return the name of a day's fiscal year, or the calendar year if none is set up."""
        return year_name(day, self.fiscal_years())

    def year_named(self, name: str) -> FiscalYear:
        """Return the fiscal year with this name, or the calendar year if none is set up."""
        years = self.fiscal_years()
        found = (year for year in years if year_name(year.starts, years) == name)
        return next(found, _calendar_year(int(name[:4])))

    @_cached(SetupPart.VOUCHER_TYPE)
    def outgoing_invoice(self) -> VoucherType:
        """Return the type of outgoing invoices (GetTypeList, S10). Raises MisconfiguredError without one."""
        types = self._session.call("Account", "GetTypeList") or []
        invoices = [each for each in types if OUTGOING_INVOICE in (each.Title or "").lower()]
        found = [each for each in invoices if (each.TypeNo or 0) > 0]
        if not found:
            raise MisconfiguredError(
                msg("24SevenOffice has no voucher type for outgoing invoices."),
                error_code=VOUCHER_TYPE_MISSING,
                remedy=msg("Set up the type “Utgående faktura” in 24SevenOffice."),
            )
        plain = min(found, key=lambda each: len(each.Title))
        return VoucherType(number=plain.TypeNo, series=plain.EntrySeriesId)

    def _load_or_read(self, part: SetupPart, read: Read[T]) -> T:
        """Return a part from the cache, or read it; an empty part, which no client has, is not cached."""
        name = self._name(part)
        value: T | None
        value, seen = self._cache.load(name, TYPES[part])
        if value is None:
            value = read(self)
            if value:
                self._cache.store(name, value, TYPES[part], seen=seen, seconds=SECONDS[part])
        return value

    def _name(self, part: SetupPart) -> str:
        return f"{self._session.client_hash()}:{part}"


def _percent(rate: Decimal) -> Decimal:
    """Return a rate in percent, even if it is a fraction (assumption S27): no country has a rate below 1 %."""
    return rate * 100 if 0 < rate < 1 else rate


def _calendar_year(number: int) -> FiscalYear:
    return FiscalYear(starts=date(number, 1, 1), ends=date(number, 12, 31), locked=False)


def _is_dated(year: SoapValue) -> bool:
    """Return whether a fiscal year has dates: .NET writes the year 1 for a date that is not set."""
    days = year.StartingDate, year.EndingDate
    return all(day is not None and day.year > MINYEAR for day in days)


def _last_day(end: datetime) -> date:
    """Return the last day of a year: it is before ``end``, and always the last of its month."""
    last = day_of(end - timedelta(seconds=1))
    return last.replace(day=calendar.monthrange(last.year, last.month)[1])

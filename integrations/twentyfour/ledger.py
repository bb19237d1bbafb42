"""The ledger, line by line, as the Transaction service shows it: what invoices and expenses read it by."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import without_zone
from integrations.twentyfour.session import Session
from sync.records import FiscalYear

END_OF_DAY = time(23, 59, 59)


def dated(session: Session, year: FiscalYear, **parameters: str | int) -> Sequence[SoapValue]:
    """Find the lines of a fiscal year that have all these values (GetTransactions)."""
    span = datetime.combine(year.starts, time()), datetime.combine(year.ends, END_OF_DAY)
    return _search(session, "EntryDate", span, parameters)


def between(session: Session, first: date, last: date) -> Iterator[SoapValue]:
    """Find all lines of these days, a call for each month, so that no answer is too large (GetTransactions)."""
    while first <= last:
        month_ends = first.replace(day=monthrange(first.year, first.month)[1])
        end = min(last, month_ends)
        yield from _search(
            session, "EntryDate", (datetime.combine(first, time()), datetime.combine(end, END_OF_DAY)), {}
        )
        first = end + timedelta(days=1)


def changed(session: Session, *, since: datetime, until: datetime, **parameters: str | int) -> Sequence[SoapValue]:
    """Find the lines created or changed in a span of time that have all these values (GetTransactions)."""
    return _search(session, "DateChangedUTC", (without_zone(since), without_zone(until)), parameters)


def dimension(line: SoapValue, type_: str) -> tuple[int | None, str]:
    """Tell number and name of the customer, supplier or project that a line is on."""
    for each in line.Dimensions.Dimension if line.Dimensions else ():
        if each.Type == type_ and (each.Value or "").isdecimal():
            return int(each.Value), each.Name or ""
    return None, ""


def _search(
    session: Session, by: str, span: tuple[datetime, datetime], parameters: dict[str, str | int]
) -> Sequence[SoapValue]:
    start, end = span
    wanted = {"DateSearchParameters": by, "DateStart": start, "DateEnd": end, **parameters}
    lines: Sequence[SoapValue] | None = session.call("Transaction", "GetTransactions", searchParams=wanted)
    return lines or []

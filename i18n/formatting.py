"""Instants, days, counts and amounts in the form of a language; instants in Oslo's time."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal

from i18n.catalog import Language

OSLO = ZoneInfo("Europe/Oslo")
MINUTE, HOUR, DAY = 60, 3600, 86400
_cached = lru_cache(maxsize=10_000)
"""A page shows many instants, and shows them again each time; babel takes 0.1 ms for one."""

_LOCALES = {Language.NORWEGIAN: Locale("nb", "NO"), Language.ENGLISH: Locale("en", "GB")}


@_cached
def instant(at: datetime, language: Language) -> str:
    """Format an instant to the second, such as "22. nov. 2026, 16:07:04"."""
    return format_datetime(at, "medium", tzinfo=OSLO, locale=_LOCALES[language])


@_cached
def day(which: date, language: Language) -> str:
    """Format a day, such as "22. nov. 2026"."""
    return format_date(which, "medium", locale=_LOCALES[language])


def ago(at: datetime, language: Language, *, now: datetime) -> str:
    """Format how long ago an instant was, such as "3 hours ago"."""
    seconds = max(1, round((now - at).total_seconds()))
    precision = 1 if seconds < HOUR else MINUTE if seconds < DAY else HOUR
    return _ago(seconds - seconds % precision, language)


@_cached
def _ago(seconds: int, language: Language) -> str:
    since = -timedelta(seconds=seconds)
    return format_timedelta(since, add_direction=True, threshold=1.5, locale=_LOCALES[language])


@_cached
def clock_time(at: datetime, language: Language) -> str:
    """Format a time of day without seconds, such as "16:07"."""
    return format_time(at, "short", tzinfo=OSLO, locale=_LOCALES[language])


@_cached
def count(number: int, language: Language) -> str:
    """Format a count with a separator between thousands."""
    return format_decimal(number, locale=_LOCALES[language])


@_cached
def amount(hundredths: int, currency: str, language: Language) -> str:
    """Format an amount with its currency and non-breaking spaces, such as "12 500,00 NOK"."""
    number = Decimal(hundredths) / 100
    written = format_decimal(number, "#,##0.00", locale=_LOCALES[language])
    return f"{written}\N{NO-BREAK SPACE}{currency}" if currency else written

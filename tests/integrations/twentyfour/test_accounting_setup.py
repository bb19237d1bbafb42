from datetime import date

import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour.accounting_setup import AccountingSetup, VoucherType
from integrations.twentyfour.session import Session
from sync.errors import MisconfiguredError
from sync.records import FiscalYear
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says

TYPE = (
    "<TypeData><TypeId>{}</TypeId><Title>{}</Title><EntrySeriesId>{}</EntrySeriesId><TypeNo>{}</TypeNo></TypeData>"
)


@pytest.fixture
def setup(remote: Remote, session: Session, cache: SharedCache) -> AccountingSetup:
    remote.answers["Login"] = [says("Login", "session")]
    return AccountingSetup(session, cache)


def test_system_types_are_left_out(remote: Remote, setup: AccountingSetup) -> None:
    types = (TYPE.format(1, "Utgående faktura", 9, -3), TYPE.format(2, "Utgående faktura (salg)", 1, 3))
    remote.answers["GetTypeList"] = [says("GetTypeList", "".join(types))]
    assert setup.outgoing_invoice() == VoucherType(number=3, series=1)


def test_a_rate_for_a_hundred_units_is_one_for_one(remote: Remote, setup: AccountingSetup) -> None:
    row = "<Currency><Symbol>{}</Symbol><Id>1</Id><Rate>{}</Rate><Unit>{}</Unit></Currency>"
    rows = row.format("sek", "103.5", 100) + row.format("EUR", "11.5", 1) + row.format("XXX", "0", 0)
    remote.answers["GetCurrencyList"] = [says("GetCurrencyList", rows)]
    assert {code: float(rate) for code, rate in setup.currency_rates().items()} == {"SEK": 1.035, "EUR": 11.5}


YEAR = "<FiscalYear><Id>0c0ffee0-0000-4000-8000-000000000001</Id>{}<IsLocked>{}</IsLocked></FiscalYear>"
STARTS, ENDS = "<StartingDate>{}T00:00:00</StartingDate>", "<EndingDate>{}T00:00:00</EndingDate>"
DATED = STARTS.format("2026-01-01") + ENDS.format("2026-12-31")
DATELESS = [
    "<StartingDate/><EndingDate/>",
    STARTS.format("2025-01-01") + "<EndingDate/>",
    STARTS.format("2025-01-01") + ENDS.format("0001-01-01"),
    STARTS.format("0001-01-01") + ENDS.format("2025-12-31"),
]


@pytest.mark.parametrize("days", DATELESS)
def test_an_open_fiscal_year_without_its_dates_is_named(remote: Remote, setup: AccountingSetup, days: str) -> None:
    years = YEAR.format(DATED, "false") + YEAR.format(days, "false")
    remote.answers["GetFiscalYears"] = [says("GetFiscalYears", years, namespace=ACCOUNTING)]
    with pytest.raises(MisconfiguredError, match="without its first or its last day") as error:
        setup.fiscal_years()
    assert error.value.error_code == "fiscal_year_dates"


@pytest.mark.parametrize("days", DATELESS)
def test_a_locked_fiscal_year_without_its_dates_is_left_out(
    remote: Remote, setup: AccountingSetup, days: str
) -> None:
    years = YEAR.format(days, "true") + YEAR.format(DATED, "false")
    remote.answers["GetFiscalYears"] = [says("GetFiscalYears", years, namespace=ACCOUNTING)]
    whole = FiscalYear(starts=date(2026, 1, 1), ends=date(2026, 12, 31), locked=False)
    assert setup.fiscal_years() == [whole]

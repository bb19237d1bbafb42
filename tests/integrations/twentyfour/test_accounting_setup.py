import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour.accounting_setup import AccountingSetup, VoucherType
from integrations.twentyfour.session import Session
from tests.integrations.twentyfour.remote import Remote, says

TYPE = (
    "<TypeData><TypeId>{}</TypeId><Title>{}</Title><EntrySeriesId>{}</EntrySeriesId><TypeNo>{}</TypeNo></TypeData>"
)


@pytest.fixture
def setup(remote: Remote, session: Session, cache: SharedCache) -> AccountingSetup:
    remote.answers["Login"] = [says("Login", "session")]
    return AccountingSetup(session, cache)


def test_types_of_the_system_itself_are_left_out(remote: Remote, setup: AccountingSetup) -> None:
    types = (TYPE.format(1, "Utgående faktura", 9, -3), TYPE.format(2, "Utgående faktura (salg)", 1, 3))
    remote.answers["GetTypeList"] = [says("GetTypeList", "".join(types))]
    assert setup.outgoing_invoice() == VoucherType(number=3, series=1)


def test_a_rate_for_a_hundred_units_is_one_for_one(remote: Remote, setup: AccountingSetup) -> None:
    row = "<Currency><Symbol>{}</Symbol><Id>1</Id><Rate>{}</Rate><Unit>{}</Unit></Currency>"
    rows = row.format("sek", "103.5", 100) + row.format("EUR", "11.5", 1) + row.format("XXX", "0", 0)
    remote.answers["GetCurrencyList"] = [says("GetCurrencyList", rows)]
    assert {code: float(rate) for code, rate in setup.currency_rates().items()} == {"SEK": 1.035, "EUR": 11.5}

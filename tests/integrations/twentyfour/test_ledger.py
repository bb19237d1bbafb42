from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.ledger import LedgerGateway
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.errors import RejectedError
from sync.records import Entry, LedgerLine, Voucher
from sync.rules.vouchers import find_posted
from tests.factories import settings
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says, value_of

YEAR = (
    "<FiscalYear><Id>10000000-0000-0000-0000-000000000000</Id><StartingDate>{}T00:00:00</StartingDate>"
    "<EndingDate>{}T00:00:00</EndingDate><IsLocked>false</IsLocked></FiscalYear>"
)
FLAGS = "<Hidden>false</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend>"


@pytest.fixture(autouse=True)
def _let_in(remote: Remote) -> None:
    remote.answers["Login"] = [says("Login", "session")]


def answer(operation: str, result: str) -> Answer:
    return says(operation, result, namespace=ACCOUNTING)


def ledger(remote: Remote, *lines: str) -> None:
    found = "".join(f"<Transaction>{line}{FLAGS}</Transaction>" for line in lines)
    remote.answers["GetTransactions"] = [answer("GetTransactions", found)]


def years(remote: Remote, *spans: tuple[str, str]) -> None:
    """Set up fiscal years, each from a day to one that is not in it."""
    remote.answers["GetFiscalYears"] = [answer("GetFiscalYears", "".join(YEAR.format(*span) for span in spans))]


def line(day: str, *, number: int = 40001) -> str:
    return (
        f"<Date>{day}T00:00:00</Date><AccountNo>4300</AccountNo>"
        f"<TransactionTypeId>104</TransactionTypeId><TransactionNo>{number}</TransactionNo>"
    )


@pytest.fixture
def gateway(session: Session, cache: SharedCache) -> LedgerGateway:
    return LedgerGateway(settings(receivables_account=1500), session=session, cache=cache)


def booked(gateway: LedgerGateway, accounts: str) -> list[str]:
    march, costs = (date(2026, 3, 1), date(2026, 3, 31)), AccountRanges.parse(accounts)
    return list(gateway.booked(*march, costs=costs).supplier_vouchers)


def changed(gateway: LedgerGateway, *, accounts: str = "4300") -> list[str]:
    since, until = (datetime(2026, 7, day, 1, 30, tzinfo=ZoneInfo("Europe/Oslo")) for day in (1, 2))
    return list(gateway.changed_vouchers(AccountRanges.parse(accounts), since=since, until=until))


def test_a_voucher_with_costs_in_another_month_is_marked_as_unbalanced(
    remote: Remote, gateway: LedgerGateway
) -> None:
    kept = [
        line("2026-03-02", number=n) + f"<Amount>{amount}</Amount>" for n, amount in ((1, 10), (2, 10), (2, -10))
    ]
    ledger(remote, *kept)
    years(remote, ("2026-01-01", "2027-01-01"))
    assert booked(gateway, "4000") == ["2026-104-1"]
    assert booked(gateway, "4300") == ["2026-104-1", "2026-104-2"]
    assert booked(gateway, "") == []


@pytest.mark.parametrize("account", [3000, 2900, 2400])
def test_an_invoice_is_found_before_posting_on_whatever_account_it_is_credited(
    remote: Remote, gateway: LedgerGateway, account: int
) -> None:
    day = date(2026, 3, 2)
    entries = (Entry(1500, 100000, customer_number=10001), Entry(account, -100000, customer_number=10001))
    ledger(
        remote,
        *(
            f"<Date>{day}T00:00:00</Date><AccountNo>{each.account}</AccountNo><InvoiceNo>501</InvoiceNo>"
            f"<Amount>{each.amount // 100}</Amount><TransactionNo>7</TransactionNo>"
            for each in entries
        ),
    )
    years(remote, ("2026-01-01", "2027-01-01"))
    voucher = Voucher(number=8, invoice_number=501, day=day, due=day, entries=entries)
    booked = gateway.booked(day, day, costs=AccountRanges(()))
    assert find_posted(voucher, booked.numbered) == 7


def test_a_fiscal_year_may_begin_in_summer_or_be_longer_than_a_year(
    remote: Remote, gateway: LedgerGateway
) -> None:
    ledger(remote, *(line(day) for day in ("2024-01-31", "2025-06-30", "2025-07-01", "2026-06-30")))
    years(remote, ("2024-01-01", "2025-07-01"), ("2025-07-01", "2026-07-01"))
    assert changed(gateway) == ["2024-104-40001", "2025-104-40001"]
    ledger(remote)
    assert gateway.supplier_voucher("2025-104-40001") == []
    asked = remote.asked[-1].body
    assert [value_of(name, asked) for name in ("DateSearchParameters", "DateStart", "DateEnd")] == [
        "EntryDate",
        "2025-07-01T00:00:00",
        "2026-06-30T23:59:59",
    ]


def test_two_fiscal_years_in_one_calendar_year_have_separate_vouchers(
    remote: Remote, gateway: LedgerGateway
) -> None:
    """A short year before a deviating one: both are 2025, and their voucher numbers restart."""
    ledger(remote, *(line(day) for day in ("2025-06-30", "2025-07-01", "2026-06-30")))
    years(remote, ("2025-01-01", "2025-07-01"), ("2025-07-01", "2026-07-01"))
    assert changed(gateway) == ["2025-104-40001", "20250701-104-40001"]
    for name, span in (("2025", ("2025-01-01", "2025-06-30")), ("20250701", ("2025-07-01", "2026-06-30"))):
        ledger(remote)
        assert gateway.supplier_voucher(f"{name}-104-40001") == []
        asked = remote.asked[-1].body
        assert [value_of(each, asked)[:10] for each in ("DateStart", "DateEnd")] == list(span)


def test_changes_are_requested_in_utc_for_the_range_of_accounts(remote: Remote, gateway: LedgerGateway) -> None:
    ledger(remote)
    assert changed(gateway, accounts="6590, 4000, 4300-4399") == []
    asked = remote.asked[-1].body
    names = ("DateSearchParameters", "DateStart", "DateEnd", "AccountNoStart", "AccountNoEnd")
    assert [value_of(name, asked) for name in names] == [
        "DateChangedUTC",
        "2026-06-30T23:30:00",
        "2026-07-01T23:30:00",
        "4000",
        "6590",
    ]


def test_a_line_without_an_amount_is_an_error_that_names_its_voucher(
    remote: Remote, gateway: LedgerGateway
) -> None:
    years(remote)
    ledger(remote, line("2026-03-01"))
    with pytest.raises(RejectedError) as raised:
        gateway.supplier_voucher("2026-104-40001")
    assert raised.value.error_code == "no_amount"
    assert raised.value.message == (
        "Voucher 40001 in 24SevenOffice has a line without an amount, on account 4300."
    )


@pytest.mark.parametrize(
    "read",
    [
        lambda gateway: gateway.supplier_voucher("2026-104-40001"),
        lambda gateway: gateway.posted(501, day=date(2026, 3, 1)),
        lambda gateway: booked(gateway, "4300"),
        changed,
    ],
    ids=["supplier_voucher", "posted", "booked", "changed"],
)
def test_a_line_without_a_date_is_an_error_that_names_its_voucher(
    remote: Remote, gateway: LedgerGateway, read: Callable[[LedgerGateway], object]
) -> None:
    years(remote)
    dateless = "<AccountNo>4300</AccountNo><Amount>10</Amount><TransactionNo>40001</TransactionNo>"
    ledger(remote, line("2026-03-01") + "<Amount>10</Amount>", dateless)
    with pytest.raises(RejectedError) as raised:
        read(gateway)
    assert (raised.value.error_code, raised.value.message) == (
        "no_date",
        "Voucher 40001 in 24SevenOffice has a line without a date, on account 4300.",
    )


def test_a_line_with_few_values_is_read(remote: Remote, gateway: LedgerGateway) -> None:
    years(remote)
    not_set = "<VatCode>0</VatCode><StampNo>-2147483648</StampNo><Amount>-0.5</Amount>"
    ledger(remote, f"<Date>2026-03-01T00:00:00</Date><AccountNo>4300</AccountNo>{not_set}")
    assert gateway.supplier_voucher("2026-104-40001") == [
        LedgerLine(account=4300, amount=-50, day=date(2026, 3, 1))
    ]


def test_a_type_that_the_contract_does_not_list_is_read(remote: Remote, gateway: LedgerGateway) -> None:
    years(remote)
    ledger(
        remote,
        "<Date>2026-03-01T00:00:00</Date><AccountNo>7830</AccountNo><Amount>1</Amount>"
        "<TransactionTypeId>104</TransactionTypeId><TransactionNo>40001</TransactionNo>"
        "<SystemType>InvoiceLoss</SystemType>",
    )
    assert [each.system_type for each in gateway.supplier_voucher("2026-104-40001")] == ["InvoiceLoss"]


@pytest.mark.parametrize("amount", ["<Amount>1E30</Amount>", "<Amount>NaN</Amount>"])
def test_a_line_with_an_invalid_amount_is_an_error_of_its_voucher(
    remote: Remote, gateway: LedgerGateway, amount: str
) -> None:
    years(remote, ("2026-01-01", "2027-01-01"))
    ledger(remote, line("2026-03-01", number=40017) + amount)
    with pytest.raises(RejectedError) as refusal:
        gateway.supplier_voucher("2026-104-40017")
    assert (refusal.value.title, refusal.value.error_code) == ("Voucher 40017/2026", "amount")


def test_a_customer_number_too_large_for_a_database_is_none(remote: Remote, gateway: LedgerGateway) -> None:
    years(remote, ("2026-01-01", "2027-01-01"))
    dimension = f"<Dimension><Type>Customer</Type><Name>Nordlys</Name><Value>{'9' * 5000}</Value></Dimension>"
    ledger(remote, f"{line('2026-03-01')}<Amount>1</Amount><Dimensions>{dimension}</Dimensions>")
    (read,) = gateway.supplier_voucher("2026-104-40001")
    assert read.customer_number is None


def test_a_vat_code_with_an_invalid_rate_has_none(remote: Remote, session: Session, cache: SharedCache) -> None:
    rates = {"1": "25", "2": "NaN", "3": "1E30", "4": "0.15"}
    codes = "".join(
        f"<TaxCodeElement><TaxId>{no}</TaxId><TaxNo>{no}</TaxNo><TaxRate>{rate}</TaxRate></TaxCodeElement>"
        for no, rate in rates.items()
    )
    remote.answers["GetTaxCodeList"] = [says("GetTaxCodeList", codes)]
    assert AccountingSetup(session, cache).vat_codes().keys() == {"1", "4"}

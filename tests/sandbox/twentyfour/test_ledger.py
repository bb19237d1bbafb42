from datetime import timedelta

import pytest

from tests.sandbox.twentyfour.soap_client import Answer, SoapClient, entry, voucher

NOBODY_ASKS = '<SystemType xsi:nil="true"/><HasInvoiceId xsi:nil="true"/>'


@pytest.fixture
def ledger(demo: SoapClient) -> SoapClient:
    """A ledger with vouchers 1 of March and 2 of April, and voucher 3 still in a journal."""
    demo.save_company()
    demo.control("POST", "/books/1/projects", {"number": 1, "name": "Nybygg"}, expect=201)
    more = "<DepartmentId>7</DepartmentId><ProjectId>1</ProjectId><InvoiceReferenceNo>17</InvoiceReferenceNo>"
    debit = entry(1500, "125.00", more, at="2026-03-31T00:00:00")
    credit = entry(3100, "-125.00", "<TaxNo>5</TaxNo>", at="2026-03-31T00:00:00")
    travel = [
        entry(account, amount, at="2026-04-01T00:00:00", customer=0)
        for account, amount in ((1920, "80.00"), (7140, "-80.00"))
    ]
    demo.save_vouchers(voucher(1, debit, credit), voucher(80001, *travel, sort=17))
    demo.save_vouchers(voucher(3), options="<SaveOption>1</SaveOption>")
    return demo


def search(  # noqa: PLR0913 - a search has a default for everything
    soap: SoapClient,
    *,
    by: str = "EntryDate",
    start: str = "2026-01-01T00:00:00",
    end: str = "2026-12-31T23:59:59",
    before: str = "",
    required: str = NOBODY_ASKS,
    after: str = "",
) -> list[Answer]:
    """Search with the contract's parts before and after the required parameters."""
    dates = (
        f"<DateSearchParameters>{by}</DateSearchParameters><DateStart>{start}</DateStart><DateEnd>{end}</DateEnd>"
    )
    inner = f"<searchParams>{dates}{before}{required}{after}</searchParams>"
    return soap.call("GetTransactions", inner).all("Transaction")


def accounts(found: list[Answer]) -> list[str]:
    return [line["AccountNo"] for line in found]


def test_a_ledger_line_is_returned_in_full(ledger: SoapClient) -> None:
    line = search(ledger)[0]
    assert {name: line[name] for name in ("Date", "AccountNo", "Amount", "TransactionNo", "InvoiceNo")} == {
        "Date": "2026-03-31T00:00:00",
        "AccountNo": "1500",
        "Amount": "125.00",
        "TransactionNo": "1",
        "InvoiceNo": "17",
    }
    assert (line["SystemType"], line["VatCode"]) == ("InvoiceCustomer", "0")
    assert (line["Hidden"], line["Open"]) == ("false", "true")
    assert line["Id"] == ledger.records("vouchers")[0]["lines"][0]["id"]
    assert [(one["Type"], one.text("Name"), one["Value"]) for one in line.all("Dimension")] == [
        ("Project", "Nybygg", "1"),
        ("Customer", "Kunde AS", "10001"),
        ("Department", "", "7"),
    ]


def test_fields_that_a_line_does_not_have_are_omitted(ledger: SoapClient) -> None:
    line = search(ledger)[1]
    assert not {"StampNo", "DueDate", "VatDividend", "InvoiceNo", "Comment"} & line.parts().keys()
    assert "SystemType" not in search(ledger)[2]  # Miscellaneous is the default


def test_a_search_by_days_starts_and_ends_at_midnight(ledger: SoapClient) -> None:
    assert len(search(ledger, start="2026-01-01", end="2026-12-31")) == 4
    assert accounts(search(ledger, start="2026-03-31", end="2026-04-01")) == ["1500", "3100"]


def test_a_journal_is_not_in_the_ledger_until_it_is_posted(ledger: SoapClient) -> None:
    assert accounts(search(ledger)) == ["1500", "3100", "1920", "7140"]
    since = ledger.clock.now.strftime("%Y-%m-%dT%H:%M:%S")
    ledger.control("POST", "/books/1/vouchers/3/post")
    assert len(search(ledger)) == 6
    assert accounts(search(ledger, by="DateChangedUTC", start=since)) == ["1500", "3000"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"before": "<ProjectId>1</ProjectId>"}, ["1500"]),
        ({"before": "<CustomerId>10001</CustomerId>"}, ["1500", "3100"]),
        ({"before": "<DepartmentId>7</DepartmentId>"}, ["1500"]),
        ({"before": "<AccountNoStart>1920</AccountNoStart><AccountNoEnd>3100</AccountNoEnd>"}, ["3100", "1920"]),
        (
            {"before": "<TransactionNoStart>1</TransactionNoStart><TransactionNoEnd>1</TransactionNoEnd>"},
            ["1500", "3100"],
        ),
        ({"before": "<TransactionTypeId>107</TransactionTypeId>"}, ["1920", "7140"]),
        (
            {"required": '<SystemType>Miscellaneous</SystemType><HasInvoiceId xsi:nil="true"/>'},
            ["1920", "7140"],
        ),
        ({"required": '<SystemType xsi:nil="true"/><HasInvoiceId>true</HasInvoiceId>'}, ["1500"]),
        ({"after": "<InvoiceNo>17</InvoiceNo>"}, ["1500"]),
        ({"after": "<InvoiceNo>18</InvoiceNo>"}, []),
        ({"after": "<VatCode>5</VatCode>"}, ["3100"]),
    ],
)
def test_lines_are_found_by_every_parameter(
    ledger: SoapClient, parameters: dict[str, str], found: list[str]
) -> None:
    assert accounts(search(ledger, **parameters)) == found


def test_the_end_of_a_search_needs_a_time_of_day_to_include_its_day(ledger: SoapClient) -> None:
    assert accounts(search(ledger, end="2026-03-31T00:00:00")) == []
    assert accounts(search(ledger, end="2026-03-31T23:59:59")) == ["1500", "3100"]
    assert accounts(search(ledger, start="2026-04-01T00:00:00")) == ["1920", "7140"]


def test_a_search_by_change_is_in_utc(ledger: SoapClient) -> None:
    ledger.clock.now += timedelta(minutes=10)
    since = ledger.clock.now.strftime("%Y-%m-%dT%H:%M:%S")
    assert search(ledger, by="DateChangedUTC", start=since) == []
    ledger.save_vouchers(voucher(2))
    [line, _] = search(ledger, by="DateChangedUTC", start=since)
    assert line["TransactionNo"] == "2"
    assert line["DateChanged"].startswith("2026-03-17T12:10:")
    exactly = line["DateChanged"]
    assert len(search(ledger, by="DateChangedUTC", start=exactly, end=exactly)) == 2


def test_a_search_needs_a_start_and_an_end(ledger: SoapClient) -> None:
    inner = f"<searchParams><DateStart>2026-01-01T00:00:00</DateStart>{NOBODY_ASKS}</searchParams>"
    assert ledger.fault("GetTransactions", inner) == "Please specify DateStart and DateEnd"


def test_fiscal_years_end_on_the_first_day_that_is_not_in_them(demo: SoapClient) -> None:
    years = demo.call("GetFiscalYears").all("FiscalYear")
    found = [tuple(year[name] for name in ("StartingDate", "EndingDate", "IsLocked")) for year in years]
    assert found == [
        ("2024-01-01T00:00:00", "2025-01-01T00:00:00", "true"),
        ("2025-01-01T00:00:00", "2026-01-01T00:00:00", "false"),
        ("2026-01-01T00:00:00", "2027-01-01T00:00:00", "false"),
        ("2027-01-01T00:00:00", "2028-01-01T00:00:00", "false"),
    ]


def test_types_have_the_same_numbers_in_both_services(demo: SoapClient) -> None:
    types = {one["TypeId"]: one["TypeNo"] for one in demo.call("GetTypeList").all("TypeData")}
    known = demo.call("GetTransactionTypes").all("TransactionType")
    assert {one["Id"]: one["No"] for one in known} == types

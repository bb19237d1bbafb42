from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from integrations.twentyfour import customers
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.session import Session
from sync.errors import UnavailableError
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says

LINE = "<Transaction>{}</Transaction>"
FLAGS = "<Hidden>false</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend>"


def ledger(remote: Remote, *lines: str) -> None:
    answer = says("GetTransactions", "".join(map(LINE.format, lines)), namespace=ACCOUNTING)
    remote.answers["GetTransactions"] = [answer]


def test_an_unknown_element_loses_no_field_and_is_reported_once(remote: Remote, client: SoapClient) -> None:
    ledger(remote, f"<AccountNo>1500</AccountNo><Carbon><Kg>7</Kg></Carbon><Amount>125.50</Amount>{FLAGS}")
    with capture_logs() as logs:
        lines = [client.call("Transaction", "GetTransactions", searchParams={})[0] for _ in range(2)]
    assert [(line.AccountNo, line.Amount, line.Hidden) for line in lines] == [(1500, Decimal("125.50"), False)] * 2
    assert logs == [
        {
            "event": "schema_drift",
            "operation": "GetTransactions",
            "element": "Transaction/Carbon",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize("nil", ["true", "1"])
def test_a_nil_item_is_an_unreadable_response(remote: Remote, client: SoapClient, nil: str) -> None:
    declared = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="{nil}"'
    lines = f"<Transaction><Amount>1.00</Amount>{FLAGS}</Transaction><Transaction {declared}/>"
    remote.answers["GetTransactions"] = [says("GetTransactions", lines, namespace=ACCOUNTING)]
    with pytest.raises(UnavailableError) as raised, capture_logs() as logs:
        client.call("Transaction", "GetTransactions", searchParams={})
    assert raised.value.error_code == "unreadable"
    assert [log["element"] for log in logs] == ["Transaction/nil"]


def test_elements_out_of_order_lose_no_field(remote: Remote, client: SoapClient) -> None:
    ledger(remote, f"{FLAGS}<Amount>125.50</Amount><AccountNo>1500</AccountNo>")
    with capture_logs() as logs:
        [line] = client.call("Transaction", "GetTransactions", searchParams={})
    assert (line.AccountNo, line.Amount, line.Hidden) == (1500, Decimal("125.50"), False)
    assert [log["element"] for log in logs] == ["Transaction/order"]


def test_an_element_of_another_namespace_is_not_ours(remote: Remote, client: SoapClient) -> None:
    ledger(remote, f'<AccountNo xmlns="http://example.com/other">9</AccountNo><Amount>1.00</Amount>{FLAGS}')
    [line] = client.call("Transaction", "GetTransactions", searchParams={})
    assert (line.AccountNo, line.Amount) == (None, Decimal("1.00"))


def test_the_first_of_two_equal_elements_counts(remote: Remote, client: SoapClient) -> None:
    ledger(remote, f"<Amount>1.00</Amount><Amount>2.00</Amount>{FLAGS}")
    [line] = client.call("Transaction", "GetTransactions", searchParams={})
    assert line.Amount == Decimal("1.00")


def test_an_unknown_type_and_value_are_accepted_as_they_are(remote: Remote, client: SoapClient) -> None:
    declared = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Nobody"'
    ledger(
        remote,
        f"<SystemType>Wormhole</SystemType><Dimensions><Dimension {declared}><Name>N</Name></Dimension>"
        f"</Dimensions>{FLAGS}",
    )
    [line] = client.call("Transaction", "GetTransactions", searchParams={})
    assert (line.SystemType, line.Dimensions.Dimension[0].Name) == ("Wormhole", "N")


@pytest.mark.parametrize(
    ("element", "not_set", "is_set"),
    [
        ("TransactionNo", "-2147483648", "7"),
        ("AccountNo", "-32768", "1500"),
        ("Amount", "-79228162514264337593543950335", "0.50"),
        ("Date", "0001-01-01T00:00:00", "2026-03-01T00:00:00"),
        ("Id", "00000000-0000-0000-0000-000000000000", "10000000-0000-0000-0000-000000000000"),
    ],
)
def test_what_dotnet_writes_for_not_set_is_read_as_none(
    remote: Remote, client: SoapClient, element: str, not_set: str, is_set: str
) -> None:
    ledger(remote, *(f"<{element}>{value}</{element}>{FLAGS}" for value in (not_set, is_set)))
    first, second = client.call("Transaction", "GetTransactions", searchParams={})
    assert first[element] is None
    assert second[element] is not None


def test_an_instant_is_read_as_it_is_written(remote: Remote, client: SoapClient) -> None:
    ledger(remote, f"<Date>2026-03-01T00:00:00</Date>{FLAGS}")
    [line] = client.call("Transaction", "GetTransactions", searchParams={})
    assert (line.Date.isoformat(), line.Date.tzinfo) == ("2026-03-01T00:00:00", None)


def test_a_name_of_megabytes_is_cut(remote: Remote, session: Session) -> None:
    company = f"<Company><Id>7</Id><ExternalId>{'9' * 10_000}</ExternalId><Name>{'x' * 2_000_000}</Name></Company>"
    remote.answers["Login"] = [says("Login", "session")]
    remote.answers["GetCompanies"] = [says("GetCompanies", company)]
    read = customers.read(session, 7)
    assert read is not None
    assert (len(read.name), len(read.moment_id)) == (200, 4000)

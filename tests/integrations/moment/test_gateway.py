"""The Moment gateway, through the port that the flows use."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr

from integrations.moment.client import MomentSite
from integrations.moment.gateway import MomentGateway
from models.enums import EntityType
from models.inbox.missed_webhooks import ModifiedRecord
from sync.errors import RejectedError
from sync.ports import Moment
from tests.factories import settings
from tests.http_server import sends
from tests.integrations.moment.remote import Remote, listing, pages, says

SINCE = datetime(2026, 3, 1, 10, 0, 30, 900_000, tzinfo=UTC)


def invoice(**changes: object) -> dict[str, object]:
    return {
        "id": 7,
        "invoiceNumber": 1024,
        "invoiceState": "finalized",
        "exportState": "toTransfer",
        "currencyCode": "NOK",
        "invoiceDate": "2026-03-01",
        "customerId": 5,
        "totalAmountInclVat": 125,
        "invoiceLines": [{"amountInclVat": 125, "financialAccountId": 501}],
        **changes,
    }


def account(account_id: int, **changes: object) -> dict[str, object]:
    return {"id": account_id, "accountNumber": 3000, "externalTaxCode": "3", **changes}


def test_it_implements_the_flows_port(gateway: MomentGateway) -> None:
    moment: Moment = gateway
    assert moment.invoice_url("106939080") == "https://moment.example.com/companies/1001/invoices/106939080"


def test_a_missing_record_is_none(gateway: MomentGateway) -> None:
    assert (gateway.customer("7"), gateway.project("7"), gateway.invoice("7")) == (None, None, None)


def test_customer_fields_that_moment_omits_are_requested(remote: Remote, site: MomentSite) -> None:
    plain, whole = {"id": 7, "name": "Kari"}, {"id": 7, "name": "Kari", "email": "kari@example.com", "phone": "22"}
    remote.answers["GET customers/7"] = [says(plain)]
    remote.answers["GET customers/7/include/base+email"] = [says(whole)]
    asking = MomentGateway(settings(), site=replace(site, customer_includes="base+email"))
    with asking.reading_ahead(EntityType.CUSTOMER, ["7"]):
        customers = [asking.customer("7"), asking.customer("7")]
    assert [customer.email for customer in customers if customer] == ["kari@example.com"] * 2
    assert asking.contact_fields("7") == ([], ["email address for invoices", "addresses"])
    remote.answers["GET customers/7"] = [says(whole)]
    assert asking.contact_fields("7")[0] == ["email address", "phone"]


def test_an_amount_is_read_from_its_text(remote: Remote, gateway: MomentGateway) -> None:
    body = json.dumps(invoice(totalAmountInclVat=None)).replace("null", "99999999999.970")
    remote.answers["GET invoices/7"] = [sends(body.encode())]
    remote.answers["GET financialAccounts"] = pages([account(501)])
    read = gateway.invoice("7")
    assert read is not None
    assert read.total == Decimal("99999999999.97")


@pytest.mark.parametrize(
    "amount", ["1E30", "1E9999999999999999999", "1E-999999999", "9" * 5000, "0." + "0" * 5000]
)
@pytest.mark.parametrize("field", ["totalAmountInclVat", "currencyRate", "invoiceNumber"])
def test_an_oversized_amount_fails_only_its_invoice(
    remote: Remote, gateway: MomentGateway, field: str, amount: str
) -> None:
    body = json.dumps(invoice(currencyCode="EUR", **{field: None})).replace("null", amount)
    remote.answers["GET invoices/7"] = [sends(body.encode())]
    remote.answers["GET financialAccounts"] = pages([account(501)])
    with pytest.raises(RejectedError) as refusal:
        gateway.invoice("7")
    assert refusal.value.error_code == "moment_value"


def test_the_accounts_are_read_once_for_many_invoices(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET invoices/7"] = [says(invoice())]
    remote.answers["GET financialAccounts"] = pages([account(501)])
    assert gateway.invoice("7") == gateway.invoice("7")
    assert remote.times("GET financialAccounts") == 1


def test_data_read_with_one_key_is_not_shown_with_another(
    remote: Remote, gateway: MomentGateway, site: MomentSite
) -> None:
    remote.answers["GET invoices/7"] = [says(invoice())]
    remote.answers["GET financialAccounts"] = pages([account(501)])
    remote.answers["GET projects"] = pages([{"id": 7, "projectNumber": 1}])
    other = MomentGateway(settings(moment_api_key=SecretStr("another-key")), site=site)
    for each in (gateway, other, gateway, other):
        each.invoice("7")
        each.project_numbered(1)
    assert (remote.times("GET financialAccounts"), remote.times("GET projects")) == (2, 2)


def test_all_accounts_are_read_if_moment_returns_25_at_a_time(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET financialAccounts"] = [listing([account(number) for number in range(1, 231)], most=25)]
    assert len(gateway.account_numbers()) == 230


def test_two_accounts_may_share_a_number_and_say_nothing_of_vat(remote: Remote, gateway: MomentGateway) -> None:
    told: dict[str, object] = {"accountNumber": "7799", "externalTaxCode": None, "version": None, "links": []}
    remote.answers["GET financialAccounts"] = pages([account(501, **told), account(502, **told)])
    assert gateway.account_numbers() == {"501": 7799, "502": 7799}
    assert gateway.account_codes() == {7799: ""}


def test_an_invoice_whose_lines_are_left_out_is_not_one_without_lines(
    remote: Remote, gateway: MomentGateway
) -> None:
    told = invoice()
    del told["invoiceLines"]
    remote.answers["GET invoices/7"] = [says(told)]
    with pytest.raises(RejectedError, match="invoice lines is missing"):
        gateway.invoice("7")


def test_an_account_created_since_is_found(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET invoices/7"] = [
        says(invoice()),
        says(invoice(invoiceLines=[{"amountInclVat": 125, "financialAccountId": 502}])),
    ]
    remote.answers["GET financialAccounts"] = [
        *pages([account(501)]),
        *pages([account(501), account(502, accountNumber=3020)]),
    ]
    gateway.invoice("7")
    read = gateway.invoice("7")
    assert read is not None
    assert read.lines[0].account == 3020


def test_a_missing_account_is_searched_for_only_once_more(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET invoices/7"] = [says(invoice())]
    remote.answers["GET financialAccounts"] = pages([])
    with pytest.raises(RejectedError, match="Financial account 501 doesn't exist in Moment") as refusal:
        gateway.invoice("7")
    assert remote.times("GET financialAccounts") == 1
    assert refusal.value.title == "Invoice 1024"


def test_an_account_that_cannot_be_read_harms_only_the_invoices_that_name_it(
    remote: Remote, gateway: MomentGateway
) -> None:
    remote.answers["GET invoices/7"] = [says(invoice())]
    remote.answers["GET financialAccounts"] = pages([account(501), account(502, accountNumber="?"), {}])
    read = gateway.invoice("7")
    assert read is not None
    assert (read.lines[0].account, read.lines[0].tax_code) == (3000, "3")


def test_the_customer_number_is_sent_as_text(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["PATCH customers/7"] = [says({"id": 7, "customerNumber": "10001"})]
    gateway.write_customer_number("7", 10001)
    assert json.loads(remote.asked[0].body) == {"customerNumber": "10001"}


def test_a_number_cannot_be_returned_to_a_deleted_customer(gateway: MomentGateway) -> None:
    with pytest.raises(RejectedError, match="This record no longer exists"):
        gateway.write_customer_number("7", 10001)


def test_every_page_of_changed_records_is_returned(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET projects"] = [listing([{"id": 1}, {"id": 2}, {"id": 3}, {"id": "four"}], most=2)]
    assert list(gateway.changed(EntityType.PROJECT, since=SINCE)) == ["1", "2", "3", "four"]
    assert [asked.query for asked in remote.asked] == [
        f"lastModifiedDateFrom=2026-03-01&{page}&sort=id%2Casc" for page in ("page=0&size=500", "page=1&size=2")
    ]


def test_without_changes_nothing_is_returned(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET projects"] = [says({"content": [], "page": {"number": 0, "totalPages": 0}})]
    assert list(gateway.changed(EntityType.PROJECT, since=SINCE)) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("2026-03-01T10:00:30Z", True),  # in the same second: Moment may round down
        ("2026-03-01T11:00:31+01:00", True),
        ("2026-03-01T10:00:29.999Z", False),
        ("2026-03-01", True),  # a day tells no instant
        ("2026-03-01T10:00:00", True),  # nor does one without a zone
        ("yesterday", True),
        (None, True),
    ],
)
def test_unchanged_records_are_left_out(
    remote: Remote,
    gateway: MomentGateway,
    changed: str | None,
    told: bool,  # noqa: FBT001 - a row of a table
) -> None:
    remote.answers["GET customers"] = pages([{"id": 1, "lastModifiedDate": changed}])
    assert list(gateway.changed(EntityType.CUSTOMER, since=SINCE)) == (["1"] if told else [])


def test_modified_records_are_returned_with_their_instant_if_given(remote: Remote, gateway: MomentGateway) -> None:
    told = ["2026-03-01T11:00:31+01:00", None]
    remote.answers["GET customers"] = pages(
        [{"id": number, "lastModifiedDate": at} for number, at in enumerate(told, 1)]
    )
    instant = datetime(2026, 3, 1, 10, 0, 31, tzinfo=UTC)
    assert list(gateway.modified(EntityType.CUSTOMER, since=SINCE)) == [
        ModifiedRecord("1", instant),
        ModifiedRecord("2"),
    ]


def test_only_invoices_that_are_or_may_be_finalized_are_returned(remote: Remote, gateway: MomentGateway) -> None:
    states = ["draft", "finalized", None]
    rows: list[dict[str, object]] = [{"id": at, "invoiceState": state} for at, state in enumerate(states, 1)]
    remote.answers["GET invoices"] = pages([*rows, {"id": 4}])
    assert list(gateway.changed(EntityType.INVOICE, since=SINCE)) == ["2", "4"]


def test_an_invoice_listed_without_a_state_is_read_alone(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET invoices"] = pages([{"id": 7}, {"id": 8}, {"id": 9}])
    untold = invoice()
    del untold["invoiceState"]
    remote.answers["GET invoices/7"] = [says({**invoice(), "invoiceState": "draft"})]
    remote.answers["GET invoices/8"] = [says({**invoice(), "id": 8})]
    remote.answers["GET invoices/9"] = [says({**untold, "id": 9})]
    remote.answers["GET financialAccounts"] = pages([account(501)])
    invoices = list(gateway.invoices_of(date(2020, 1, 1), date(2030, 1, 1)))
    assert [each.id for each in invoices] == ["8", "9"]
    assert [bool(each.unreadable) for each in invoices] == [False, True]

from dataclasses import replace
from datetime import date

import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour import customers, projects
from integrations.twentyfour.accounting_setup import AccountingSetup, VoucherType
from integrations.twentyfour.ledger import LedgerGateway
from integrations.twentyfour.session import Session
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError
from sync.records import CompanyDraft, FiscalYear, LedgerLine, ProjectDraft
from tests.factories import settings
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says

ONE = CompanyDraft("moment-1", "One AS", "", "", "", is_company=True)
TWO = replace(ONE, moment_id="moment-2", name="Two AS")
YEAR = "<FiscalYear><Id>10000000-0000-0000-0000-000000000000</Id>{}{}<IsLocked>false</IsLocked></FiscalYear>"
FLAGS = "<Hidden>{}</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend>"
TYPE = (
    "<TypeData><TypeId>{}</TypeId><Title>{}</Title><EntrySeriesId>{}</EntrySeriesId><TypeNo>{}</TypeNo></TypeData>"
)


@pytest.fixture(autouse=True)
def _let_in(remote: Remote) -> None:
    remote.answers["Login"] = [says("Login", "session")]


def company(number: int | None, *, moment_id: str = "", problem: str = "") -> str:
    exception = f"<APIException><Type>ArgumentException</Type><Message>{problem}</Message></APIException>"
    parts = (
        exception if problem else "",
        f"<Id>{number}</Id>" if number else "",
        f"<ExternalId>{moment_id}</ExternalId>" if moment_id else "",
    )
    return f"<Company>{''.join(parts)}</Company>"


def saved(remote: Remote, session: Session, *companies: str) -> list[object]:
    remote.answers["SaveCompanies"] = [says("SaveCompanies", "".join(companies))]
    return [
        answer if isinstance(answer, int) else (type(answer), answer.error_code)
        for answer in customers.save(session, [ONE, TWO])
    ]


def test_numbers_are_read_by_moment_id_if_the_order_differs(remote: Remote, session: Session) -> None:
    both = company(10002, moment_id="moment-2"), company(10001, moment_id="moment-1")
    assert saved(remote, session, *both) == [10001, 10002]


@pytest.mark.parametrize("number", [None, 10001])
def test_a_server_error_at_a_customer_is_not_the_customers_fault_and_may_have_saved_it(
    remote: Remote, session: Session, number: int | None
) -> None:
    said = company(number, problem="SQL Server encountered an error with severity level 14 of 25.")
    said = said.replace("ArgumentException", "Office24Seven.Library.Data.DataBaseServerException")
    assert saved(remote, session, said, company(10002)) == [(OutcomeUnknownError, "system_error"), 10002]
    (answer, _) = customers.save(session, [ONE, TWO])
    assert isinstance(answer, OutcomeUnknownError)
    assert not answer.no_response  # no outage: it has answered


def test_an_identity_number_of_a_customer_is_not_read(remote: Remote, session: Session) -> None:
    numbers = "".join(
        f"<Company><Id>{number}</Id><OrganizationNumber>{text}</OrganizationNumber></Company>"
        for number, text in ((1, "150765 00565"), (2, "923 609 016"))
    )
    remote.answers["GetCompanies"] = [says("GetCompanies", numbers)]
    found = customers.read_details(session, [1, 2])
    assert [each.organization_number for each in found] == ["", "923 609 016"]


def test_numbers_are_read_by_position_if_no_moment_id_is_returned(remote: Remote, session: Session) -> None:
    assert saved(remote, session, company(10001), company(10002)) == [10001, 10002]


def test_a_refusal_is_reported_at_the_customer_in_its_place(remote: Remote, session: Session) -> None:
    answers = saved(remote, session, company(None, problem="Property Type is missing."), company(10002))
    assert answers == [(RejectedError, "refused"), 10002]


def test_a_customer_missing_in_the_response_may_have_been_saved(remote: Remote, session: Session) -> None:
    assert saved(remote, session, company(10001, moment_id="moment-1")) == [
        10001,
        (OutcomeUnknownError, "no_number"),
    ]
    assert saved(remote, session) == [(OutcomeUnknownError, "no_number")] * 2


def test_of_customers_with_the_same_moment_id_the_oldest_is_found(remote: Remote, session: Session) -> None:
    found = (company(number, moment_id=moment_id) for number, moment_id in ((3, "7"), (2, "7"), (1, "77")))
    remote.answers["GetCompanies"] = [says("GetCompanies", "".join(found))]
    customer = customers.find(session, "7")
    assert customer
    assert customer.number == 2


def test_a_refused_search_leaves_the_outcome_unknown(remote: Remote, session: Session) -> None:
    remote.answers["GetCompanies"] = [says("GetCompanies", company(None, problem="No access."))]
    with pytest.raises(RejectedError, match=r"No access\."):
        customers.find(session, "7")


def test_a_project_saved_under_another_number_needs_attention(remote: Remote, session: Session) -> None:
    remote.answers["SaveProject"] = [says("SaveProject", "8")]
    with pytest.raises(RejectedError, match="7 with the number 8"):
        projects.save(session, ProjectDraft(7, "Kulturhuset"), client_id="", field="OrderReferenceNumber")


@pytest.mark.parametrize(
    "end", ["2027-01-01T00:00:00", "2026-12-31T23:59:59", "2026-12-31T00:00:00", "2027-01-01T00:00:00+01:00"]
)
def test_a_fiscal_year_ends_with_a_month_in_any_notation(
    remote: Remote, session: Session, cache: SharedCache, end: str
) -> None:
    dates = "<StartingDate>2026-01-01T00:00:00</StartingDate>", f"<EndingDate>{end}</EndingDate>"
    remote.answers["GetFiscalYears"] = [says("GetFiscalYears", YEAR.format(*dates), namespace=ACCOUNTING)]
    assert AccountingSetup(session, cache).fiscal_years() == [
        FiscalYear(date(2026, 1, 1), date(2026, 12, 31), locked=False)
    ]


def test_the_plainest_type_of_outgoing_invoices_is_used(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    types = (TYPE.format(1, "Utgående faktura, kontant", 5, 8), TYPE.format(2, "Utgående faktura", 6, 9))
    remote.answers["GetTypeList"] = [says("GetTypeList", "".join(types))]
    assert AccountingSetup(session, cache).outgoing_invoice() == VoucherType(number=9, series=6)


def test_a_ledger_without_a_type_of_outgoing_invoices_needs_attention(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    remote.answers["GetTypeList"] = [says("GetTypeList", TYPE.format(3, "Diverse", 5, 8))]
    with pytest.raises(MisconfiguredError) as raised:
        AccountingSetup(session, cache).outgoing_invoice()
    assert "Utgående faktura" in raised.value.remedy


def test_a_line_of_the_ledger_is_read_to_the_ore_and_on_its_day_in_oslo(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    dimension = "<Dimension><Type>{}</Type><Value>{}</Value></Dimension>"
    dimensions = (("Department", "4"), ("Customer", "10001"), ("Project", "P-1"))
    line = (
        "<Date>2026-02-28T23:00:00Z</Date><AccountNo>1500</AccountNo><Amount>-0.285</Amount>"
        "<TransactionNo>12</TransactionNo><InvoiceNo>7</InvoiceNo><DueDate>2026-03-14T23:00:00Z</DueDate>"
        f"<Dimensions>{''.join(dimension.format(*each) for each in dimensions)}</Dimensions>{FLAGS.format('true')}"
    )
    remote.answers["GetTransactions"] = [
        says("GetTransactions", f"<Transaction>{line}</Transaction>", namespace=ACCOUNTING)
    ]
    remote.answers["GetFiscalYears"] = [says("GetFiscalYears", "", namespace=ACCOUNTING)]
    assert LedgerGateway(settings(), session=session, cache=cache).posted(7, day=date(2026, 3, 1)) == [
        LedgerLine(
            1500,
            -29,
            date(2026, 3, 1),
            voucher_number=12,
            invoice_number="7",
            customer_number=10001,
            hidden=True,
            due=date(2026, 3, 15),
            department=4,
        )
    ]

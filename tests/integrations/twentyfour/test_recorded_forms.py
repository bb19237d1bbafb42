"""Responses in the forms that were recorded from 24SevenOffice, as our records."""

from datetime import UTC, date, datetime

import pytest

from integrations.shared_cache import SharedCache
from integrations.twentyfour import customers, documents
from integrations.twentyfour.accounting_setup import AccountingSetup, VoucherType
from integrations.twentyfour.customers import CustomerIndex
from integrations.twentyfour.ledger import LedgerGateway
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.errors import OutcomeUnknownError
from sync.records import Company, CompanyDraft, LedgerLine
from tests.factories import settings
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import ACCOUNTING, Remote, says

DRAFT = CompanyDraft("moment-1", "One AS", "", "", "", is_company=True, number=7)
NIL = '<{} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
FLAGS = "<Hidden>false</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend>"
LINE = (
    "<Date>{date}</Date><AccountNo>4300</AccountNo><Currency>NOK</Currency><CurrencyRate>1</CurrencyRate>"
    "<CurrencyUnit>1</CurrencyUnit><Amount>100.0000</Amount><Period>3</Period>"
    "<TransactionTypeId>104</TransactionTypeId><TransactionNo>40001</TransactionNo><VatCode>1</VatCode>"
    "<Id>10000000-0000-0000-0000-000000000000</Id><SequenceNo>1</SequenceNo>{more}"
    "<DateChanged>2026-03-02T09:00:00.1234567</DateChanged>"
)
READ = LedgerLine(
    account=4300, amount=10000, day=date(2026, 3, 1), vat_code="1", voucher_number=40001, type=104, text=""
)
TYPE = "<TypeData><TypeId>{0}</TypeId><Title>{1}</Title><EntrySeriesId>{2}</EntrySeriesId><TypeNo>{3}</TypeNo></TypeData>"


@pytest.fixture(autouse=True)
def _let_in(remote: Remote) -> None:
    remote.answers["Login"] = [says("Login", "session")]


def answer(operation: str, result: str) -> Answer:
    return says(operation, result, namespace=ACCOUNTING)


def read(remote: Remote, session: Session, cache: SharedCache, line: str) -> LedgerLine:
    remote.answers["GetFiscalYears"] = [answer("GetFiscalYears", "")]
    remote.answers["GetTransactions"] = [answer("GetTransactions", f"<Transaction>{line}{FLAGS}</Transaction>")]
    [found] = LedgerGateway(settings(), session=session, cache=cache).supplier_voucher("2026-104-40001")
    return found


def test_a_customer_whose_addresses_are_nil_but_one_is_read(remote: Remote, session: Session) -> None:
    addresses = f"{NIL.format('Post')}<Visit><Street>Storgata 1</Street></Visit>{NIL.format('Invoice')}"
    emails = f"{NIL.format('Home')}{NIL.format('Invoice')}<Work><Value>post@one.example</Value></Work>"
    recorded = (
        f"<Company><Id>7</Id><Name>One AS</Name><Addresses>{addresses}</Addresses>"
        f"<EmailAddresses>{emails}</EmailAddresses><Status>-2147483648</Status>"
        "<DistributionMethod>Unchanged</DistributionMethod></Company>"
    )
    remote.answers["GetCompanies"] = [says("GetCompanies", recorded)]
    assert customers.read_details(session, [7]) == [Company(7, "One AS", emails=("post@one.example",))]


@pytest.mark.parametrize("number", ["<Id>7</Id>", ""])
def test_a_customer_with_a_database_error_may_have_been_saved(
    remote: Remote, session: Session, number: str
) -> None:
    said = (
        "<APIException><Type>Office24Seven.Library.Data.DataBaseServerException</Type><Message>SQL Server "
        "encountered an error with severity level 14 of 25</Message><StackTrace>at Execute()</StackTrace>"
        "</APIException>"
    )
    remote.answers["GetCompanies"] = [says("GetCompanies", "")]
    remote.answers["SaveCompanies"] = [
        says("SaveCompanies", f"<Company>{said}{number}<Name>One AS</Name></Company>")
    ]
    [error] = customers.save(session, [DRAFT])
    assert isinstance(error, OutcomeUnknownError)
    assert (error.error_code, error.remedy) == ("system_error", "")
    assert error.message.startswith("24SevenOffice has a technical problem")


@pytest.mark.parametrize("day", ["2026-03-01T00:00:00", "2026-03-01T00:00:00+01:00", "2026-03-01"])
def test_a_line_that_leaves_out_all_defaults_is_read(
    remote: Remote, session: Session, cache: SharedCache, day: str
) -> None:
    assert read(remote, session, cache, LINE.format(date=day, more="")) == READ


def test_the_customer_is_found_among_other_dimensions(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    dimensions = (
        "<Dimension><Type>UserDefined</Type><Value>0100</Value><TypeId>101</TypeId></Dimension>"
        "<Dimension><Value>4</Value></Dimension>"
        "<Dimension><Type>Customer</Type><Name>Byggmakker AS</Name><Value>7</Value></Dimension>"
    )
    more = f"<SystemType>InvoiceLoss</SystemType><Dimensions>{dimensions}</Dimensions>"
    line = read(remote, session, cache, LINE.format(date="2026-03-01T00:00:00", more=more))
    assert (line.customer_number, line.customer_name, line.project_number) == (7, "Byggmakker AS", None)
    assert line.system_type == "InvoiceLoss"


def test_a_change_is_found_by_an_instant_with_seven_digits_of_a_second(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    read(remote, session, cache, LINE.format(date="2026-03-01T00:00:00", more=""))
    since = datetime(2026, 3, 2, 8, tzinfo=UTC)
    gateway = LedgerGateway(settings(), session=session, cache=cache)
    assert gateway.changed_vouchers(AccountRanges.parse("4300"), since=since, until=since) == ["2026-104-40001"]


def test_an_account_without_a_vat_code_has_none(remote: Remote, session: Session, cache: SharedCache) -> None:
    accounts = (
        "<AccountData><AccountId>1</AccountId><AccountNo>1500</AccountNo></AccountData>"
        "<AccountData><AccountNo>3000</AccountNo><AccountTax>8</AccountTax><TaxNo>5</TaxNo></AccountData>"
    )
    remote.answers["GetAccountList"] = [says("GetAccountList", accounts)]
    assert AccountingSetup(session, cache).tax_codes() == {1500: "", 3000: "5"}


def test_a_system_type_is_not_used_for_our_vouchers(remote: Remote, session: Session, cache: SharedCache) -> None:
    types = TYPE.format(1, "Utgående faktura", 1, -3) + TYPE.format(2, "Utgående faktura", 1, 3)
    remote.answers["GetTypeList"] = [says("GetTypeList", types)]
    assert AccountingSetup(session, cache).outgoing_invoice() == VoucherType(number=3, series=1)


def test_the_list_of_customers_is_requested_from_page_1(
    remote: Remote, session: Session, cache: SharedCache
) -> None:
    counts = "<CurrentPage>{}</CurrentPage><TotalPages>2</TotalPages><TotalItems>0</TotalItems>"
    pages = [counts.format(number) + "<ItemsPerPage>1000</ItemsPerPage>" for number in (1, 2)]
    remote.answers["GetCompanySyncList"] = [says("GetCompanySyncList", page) for page in pages]
    assert list(CustomerIndex(session, cache).companies()) == []
    asked = [each.body for each in remote.asked if each.operation == "GetCompanySyncList"]
    assert [("Page>1<" in body, "Page>2<" in body) for body in asked] == [(True, False), (False, True)]


def test_a_file_handle_is_sent_back_unchanged(remote: Remote, session: Session) -> None:
    pair = "<KeyValuePair><Key>InvoiceNo</Key><Value>F-77</Value></KeyValuePair>"
    frame = (
        f"<ImageFrameInfo><Id>3</Id><Uri>https://x.example/3</Uri><StampNo>501</StampNo>"
        f"<MetaData>{pair}</MetaData><Status>2</Status></ImageFrameInfo>"
    )
    inner = (
        f"<Id>7</Id><Type>Pdf</Type><StampNo>501</StampNo><StampMeta>{pair}</StampMeta>"
        f"<FrameInfo>{frame}</FrameInfo><ContactId><int>9</int></ContactId>"
    )
    remote.answers["GetFileInfo"] = [answer("GetFileInfo", f"<ImageFile>{inner}</ImageFile>")]
    [file] = documents.of_stamps(session, [501])[501].approved
    remote.answers["GetSize"] = [answer("GetSize", "0")]
    remote.answers["GetChecksum"] = [answer("GetChecksum", "d41d8cd98f00b204e9800998ecf8427e")]
    with documents.open_document(session, file, chunk=4, renew_lease=lambda: None):
        pass
    asked = [
        each.body.replace("ns0:", "") for each in remote.asked if each.operation in {"GetSize", "GetChecksum"}
    ]
    assert [inner in body for body in asked] == [True, True]


def test_every_call_names_the_integration(remote: Remote, session: Session) -> None:
    remote.answers["HasSession"] = [says("HasSession", "true")]
    session.call("Authenticate", "HasSession")
    assert {each.user_agent for each in remote.asked} == {"moment-24sevenoffice"}

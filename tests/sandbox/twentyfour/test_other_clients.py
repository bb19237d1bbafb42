"""A morning's work with the envelopes of three libraries, none of which writes them as ours does."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import requests
from lxml import etree

from tests.sandbox.twentyfour.soap_client import APPLICATION, SoapClient

WEB = "http://24sevenOffice.com/webservices"
BOOKS = "http://24sevenoffice.com/webservices/economy/accounting/"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass
class Library:
    """How a library wraps a call; ``wrap`` gets a namespace, an operation and arguments without a namespace."""

    wrap: Callable[[str, str, str], str]
    headers: Callable[[str], dict[str, str]]

    def call(self, soap: SoapClient, operation: str, arguments: str = "") -> str:
        called = soap.operations[operation]
        body = self.wrap(called.namespace, operation, arguments)
        response = requests.post(
            soap.url + called.path,
            body.encode(),
            headers=self.headers(called.action) | {"Cookie": self.cookie},
            timeout=10,
        )
        assert response.status_code == 200, response.text
        answer = etree.fromstring(response.content)
        return "".join(f"<{etree.QName(part).localname}>{part.text or ''}" for part in answer.iter(etree.Element))

    cookie: str = ""


def prefixed(arguments: str, prefix: str) -> str:
    return re.sub(r"<(/?)(\w)", rf"<\1{prefix}:\2", arguments)


PHP = Library(
    lambda namespace, operation, arguments: (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:ns1="{namespace}">'
        f"<SOAP-ENV:Body><ns1:{operation}>{prefixed(arguments, 'ns1')}</ns1:{operation}></SOAP-ENV:Body>"
        f"</SOAP-ENV:Envelope>\n"
    ),
    lambda action: {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{action}"',
        "User-Agent": "PHP-SOAP/8.3.1",
    },
)
SUDS = Library(
    lambda namespace, operation, arguments: (
        f'<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:ns0="{namespace}" xmlns:ns1="{SOAP}" '
        f'xmlns:xsi="{XSI}" xmlns:SOAP-ENV="{SOAP}"><SOAP-ENV:Header/><ns1:Body><ns0:{operation}>'
        f"{prefixed(arguments, 'ns0')}</ns0:{operation}></ns1:Body></SOAP-ENV:Envelope>"
    ),
    lambda action: {"Content-Type": "text/xml; charset=utf-8", "Soapaction": f'"{action}"'},
)
GO = Library(
    lambda namespace, operation, arguments: (
        f'<Envelope xmlns="{SOAP}"><Body xmlns="{SOAP}"><{operation} xmlns="{namespace if arguments else ""}">'
        f"{arguments}</{operation}></Body></Envelope>"
    ),
    lambda action: {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": action, "User-Agent": "gowsdl/0.1"},
)

NOBODY = "00000000-0000-0000-0000-000000000000"
WHO = "<Username>demo@example.com</Username><Password>demo-password</Password>"
LOGINS = {
    "PHP": f"<credential>{WHO}{APPLICATION}</credential>",
    "suds": f"<credential>{APPLICATION}<IdentityId/>{WHO}</credential>",
    "Go": f"<credential>{APPLICATION}<IdentityId>{NOBODY}</IdentityId>{WHO}</credential>",
}
COMPANIES = {
    "PHP": "<Company><Type>Business</Type><Name>Kunde AS</Name><Id>10001</Id></Company>",
    "suds": "<Company><Id/><Name>Kunde AS</Name><Type>Business</Type><DistributionMethod/><CurrencyId/></Company>",
    "Go": "<Company><Name>Kunde AS</Name><Type>Business</Type></Company>",
}
LINES = (
    "<Entry><AccountNo>{0}</AccountNo><CustomerId>10001</CustomerId><Date>{2}</Date><Amount>{1}</Amount></Entry>"
)
SEARCHES = {
    "PHP": "<DateEnd>2026-12-31T00:00:00.000000</DateEnd><DateStart>2026-01-01T00:00:00.000000</DateStart>"
    "<DateSearchParameters>DateChangedUTC</DateSearchParameters>",
    "suds": "<DateSearchParameters/><DateStart>2026-01-01</DateStart><DateEnd>2026-12-31</DateEnd>"
    '<AccountNoStart/><InvoiceNo/><SystemType xsi:nil="true"/>',
    "Go": "<DateSearchParameters>EntryDate</DateSearchParameters><DateStart>2026-01-01T00:00:00Z</DateStart>"
    "<DateEnd>2026-12-31T23:59:59.9999999Z</DateEnd>",
}
DAYS = {"PHP": "2026-03-04T09:30:00+01:00", "suds": "2026-03-04", "Go": "2026-03-04T00:00:00Z"}


@pytest.mark.parametrize(("name", "library"), [("PHP", PHP), ("suds", SUDS), ("Go", GO)])
def test_a_stranger_logs_in_posts_a_voucher_and_reads_it_in_the_ledger(
    soap: SoapClient, name: str, library: Library
) -> None:
    session = re.search(r"<LoginResult>(\w+)", library.call(soap, "Login", LOGINS[name]))
    assert session
    library.cookie = f"ASP.NET_SessionId={session[1]}"
    assert "<AccountNo>3000" in library.call(soap, "GetAccountList")
    saved = library.call(soap, "SaveCompanies", f"<companies>{COMPANIES[name]}</companies>")
    assert "<Id>10001" in saved
    wanted = f"<argEntryId><Date>{DAYS[name]}</Date><SortNo>1</SortNo></argEntryId>"
    assert "<EntryNo>1" in library.call(soap, "GetEntryId", wanted)
    lines = LINES.format(1500, "125.00", DAYS[name]) + LINES.format(3000, "-125.00", DAYS[name])
    voucher = f"<Voucher><Sort>11</Sort><TransactionNo>1</TransactionNo><Entries>{lines}</Entries></Voucher>"
    bundle = f"<Bundle><Vouchers>{voucher}</Vouchers><YearId>2026</YearId></Bundle>"
    call = f"<BundleList><SaveOption>0</SaveOption><Bundles>{bundle}</Bundles></BundleList>"
    assert "<Type>Ok" in library.call(soap, "SaveBundleList", call)
    ledger = library.call(soap, "GetTransactions", f"<searchParams>{SEARCHES[name]}</searchParams>")
    assert re.findall(r"<(?:Date|AccountNo|Amount)>[^<]+", ledger) == [
        *("<Date>2026-03-04T00:00:00", "<AccountNo>1500", "<Amount>125.00"),
        *("<Date>2026-03-04T00:00:00", "<AccountNo>3000", "<Amount>-125.00"),
    ]
    assert [one["name"] for one in soap.records("customers")] == ["Kunde AS"]

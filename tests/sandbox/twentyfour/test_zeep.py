"""The services through an independent SOAP client, by the WSDLs alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import zeep
from zeep.transports import Transport

from tests.sandbox.twentyfour.conftest import FOLDER
from tests.sandbox.twentyfour.soap_client import SoapClient

MARCH, APRIL = datetime.fromisoformat("2026-03-01T00:00:00"), datetime.fromisoformat("2026-04-01T00:00:00")
CREDENTIAL = {
    "ApplicationId": "11111111-2222-3333-4444-555555555555",
    "Username": "demo@example.com",
    "Password": "demo-password",
}


class Services:
    """Each service by name, all in one HTTP session."""

    def __init__(self, soap: SoapClient) -> None:
        self._context = soap

    def __getattr__(self, name: str) -> Any:
        transport: Any = Transport(session=self._context.http)
        client: Any = zeep.Client(str(FOLDER / f"{name}.wsdl"), transport=transport)
        [binding] = client.wsdl.bindings
        [service] = client.wsdl.services.values()
        [port] = service.ports.values()
        return client.create_service(binding, self._context.url + urlsplit(port.binding_options["address"]).path)


@pytest.fixture
def services(soap: SoapClient) -> Services:
    services = Services(soap)
    assert services.Authenticate.Login(CREDENTIAL)
    return services


def test_zeep_can_do_a_day_of_work(services: Services, soap: SoapClient) -> None:
    [company] = services.Company.SaveCompanies({"Company": [{"Name": "Kunde AS", "Type": "Business"}]})
    number = services.Project.SaveProject(
        {"Id": 7, "Name": "Nybygg", "NameDisplay": "Plain", "TimeReg": "WorkType", "CustomerId": company["Id"]}
    )
    common = {"CustomerId": company["Id"], "ProjectId": number, "Date": MARCH}
    debit = common | {"AccountNo": 1500, "Amount": Decimal("125.00"), "InvoiceReferenceNo": "1"}
    credit = common | {"AccountNo": 3100, "Amount": Decimal("-125.00"), "TaxNo": "5"}
    voucher = {"TransactionNo": 1, "Sort": 11, "Entries": {"Entry": [debit, credit]}}
    bundle = {"YearId": 2026, "Vouchers": {"Voucher": [voucher]}}
    saved = services.Account.SaveBundleList({"Bundles": {"Bundle": [bundle]}, "SaveOption": 0})
    assert saved["Type"] == "Ok"
    lines = services.Transaction.GetTransactions(
        {
            "DateStart": MARCH,
            "DateEnd": APRIL,
            "SystemType": zeep.xsd.Nil,
            "HasInvoiceId": zeep.xsd.Nil,
            "InvoiceNo": "1",
        }
    )
    assert [(line["TransactionNo"], line["Amount"]) for line in lines] == [(1, Decimal("125.00"))]
    assert [one["number"] for one in soap.records("vouchers")] == [1]


def test_a_fault_reaches_zeep_with_its_message(services: Services, soap: SoapClient) -> None:
    soap.control("DELETE", "/sessions", expect=204)
    with pytest.raises(zeep.exceptions.Fault, match="---> Session is not authenticated"):
        services.Client.GetClientInformation()


def test_empty_lists_and_unset_values_reach_zeep_as_dotnet_sends_them(services: Services) -> None:
    assert services.Project.GetProjectList() is None
    assert services.Account.GetTaxCodeList()[0]["AccountNo"] is None
    company = services.Company.SaveCompanies({"Company": [{"Name": "Kunde AS", "Type": "Business"}]})[0]
    assert (company["Id"], company["Status"]) == (10001, None)

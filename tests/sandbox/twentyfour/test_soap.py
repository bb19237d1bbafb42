import pytest
from lxml import etree

from tests.sandbox.twentyfour.soap_client import APPLICATION, Answer, SoapClient, credential, entry, voucher

HUGE = f"<BudgetHour>{'9' * 30}</BudgetHour>"


def test_every_operation_of_the_contract_exists(demo: SoapClient) -> None:
    for name in demo.operations:
        assert "SOAPAction" not in demo.post(name).text, name
    assert set(demo.control("GET", "/calls")) == set(demo.operations)


def test_a_fault_nests_its_message_and_has_status_500(soap: SoapClient) -> None:
    response = soap.post("GetAccountList")
    fault = Answer(etree.fromstring(response.content))
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert fault["faultcode"] == "soap:Server"
    assert fault["faultstring"] == "Server was unable to process request. ---> Session is not authenticated"


def test_soap_1_2_gets_a_soap_1_2_response(soap: SoapClient) -> None:
    assert soap.call("HasSession", version="1.2")["HasSessionResult"] == "false"
    response = soap.post("GetAccountList", version="1.2")
    fault = Answer(etree.fromstring(response.content))
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert fault["{http://www.w3.org/2003/05/soap-envelope}Value"] == "soap:Receiver"
    assert fault["{http://www.w3.org/2003/05/soap-envelope}Text"].endswith("Session is not authenticated")


@pytest.mark.parametrize(
    ("operation", "inner", "message"),
    [
        (
            "SaveCompanies",
            "<companies><Company><Type>Friend</Type></Company></companies>",
            "Instance validation error: 'Friend' is not a valid value for CompanyType.",
        ),
        (
            "SaveCompanies",
            "<companies><Company><Type> Business</Type></Company></companies>",
            "Instance validation error: ' Business' is not a valid value for CompanyType.",
        ),
        ("Login", "<credential><ApplicationId>7</ApplicationId></credential>", "Guid should contain 32 digits"),
        ("Login", "<credential><ApplicationId/></credential>", "Guid should contain 32 digits"),
        ("GetSingleProject", "<projectId>one</projectId>", "Input string was not in a correct format."),
        ("GetSingleProject", "<projectId/>", "Input string was not in a correct format."),
        ("GetSingleProject", '<projectId xsi:nil="true"/>', "Input string was not in a correct format."),
        ("GetSingleProject", "<projectId>2147483648</projectId>", "Value was either too large or too small."),
        ("GetEntryId", "<argEntryId><EntryNo/></argEntryId>", "Input string was not in a correct format."),
        (
            "GetEntryId",
            "<argEntryId><Date>12026-01-01T00:00:00</Date></argEntryId>",
            "is not a valid AllXsd value.",
        ),
        ("GetEntryId", "<argEntryId><Date>2026-02-30</Date></argEntryId>", "day is out of range"),
        ("SaveProject", f"<project>{HUGE}</project>", "Value was either too large or too small for a Decimal."),
        (
            "SaveProject",
            "<project><BudgetHour>1e3</BudgetHour></project>",
            "Input string was not in a correct format",
        ),
        (
            "GetTransactions",
            "<searchParams><HasInvoiceId>yes</HasInvoiceId></searchParams>",
            "The string 'yes' is not a valid Boolean value.",
        ),
    ],
)
def test_values_that_dotnet_cannot_hold_are_refused(
    demo: SoapClient, operation: str, inner: str, message: str
) -> None:
    response = demo.post(operation, inner)
    assert response.status_code == 500
    assert "soap:Client" in response.text
    assert "There is an error in XML document (" in response.text
    assert message in response.text


def test_a_request_without_what_only_the_code_requires_is_refused(demo: SoapClient) -> None:
    assert demo.fault("SaveCompanies") == "Object reference not set to an instance of an object."


def test_a_body_that_is_not_an_xml_envelope_is_refused(soap: SoapClient) -> None:
    operation = soap.operations["HasSession"]
    headers = {"Content-Type": "text/xml", "SOAPAction": operation.action}
    for body in (
        b"",
        b"no XML",
        b"<HasSession/>",
        b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>",
    ):
        response = soap.http.post(soap.url + operation.path, body, headers=headers, timeout=10)
        assert response.status_code == 500
        assert "There is an error in XML document" in response.text


def test_an_unknown_action_is_refused(soap: SoapClient) -> None:
    response = soap.post("HasSession", action="http://24sevenOffice.com/webservices/SaveCompanies")
    assert response.status_code == 500
    assert "did not recognize the value of HTTP Header SOAPAction" in response.text


def test_a_body_that_is_not_for_the_action_is_a_call_without_arguments(demo: SoapClient) -> None:
    response = demo.post("HasSession", action=demo.operations["Login"].action)
    assert "Object reference not set to an instance of an object." in response.text
    assert len(demo.call("GetAccountList", element="<GetAccountList/>").all("AccountData")) > 10


def test_elements_are_read_in_any_order_and_unknown_ones_ignored(demo: SoapClient) -> None:
    login = f"<Username>demo@example.com</Username><Password>demo-password</Password>{APPLICATION}"
    assert demo.call("Login", f"<credential>{login}</credential>")["LoginResult"]
    assert demo.call("Login", f"<credential>{login}<Password>guessed</Password><Nick>x</Nick></credential>").text(
        "LoginResult"
    )
    assert demo.call("Login", f'<credential><Password xmlns="urn:x">x</Password>{login}</credential>')[
        "LoginResult"
    ]


def test_a_missing_element_has_dotnets_default_value(demo: SoapClient) -> None:
    assert (
        demo.call("GetEntryId", "<argEntryId><Date>2026-03-04</Date><SortNo>1</SortNo></argEntryId>")["EntryNo"]
        == "1"
    )
    assert demo.call("GetEntryId", "<argEntryId><SortNo>1</SortNo></argEntryId>")["EntryNo"] == "-100"
    assert "GetSingleProjectResult" not in demo.call("GetSingleProject")
    assert demo.call("SaveProject", "<project><Name>Nybygg</Name></project>")["SaveProjectResult"] == "1"
    assert demo.fault("DownloadChunk", "<file/>") == "File 0 does not exist."


def test_an_empty_element_with_a_default_counts_as_missing(demo: SoapClient) -> None:
    empty = (
        "<DateSearchParameters/><AccountNoStart/><DateStart>2026-01-01</DateStart><DateEnd>2026-12-31</DateEnd>"
    )
    assert demo.call("GetTransactions", f"<searchParams>{empty}</searchParams>").all("Transaction") == []
    company = "<Name>Kunde AS</Name><Type>Business</Type><DistributionMethod/><CurrencyId/><Status/>"
    assert demo.save_company(company)["Id"] == "10001"


def test_unset_values_in_a_request_are_accepted(soap: SoapClient) -> None:
    assert soap.call("Login", credential(identity="00000000-0000-0000-0000-000000000000"))["LoginResult"]


def test_the_wsdl_is_served_at_the_address_of_its_service(soap: SoapClient) -> None:
    for operation in soap.operations.values():
        for query in ("wsdl", "WSDL"):
            served = soap.http.get(f"{soap.url}{operation.path}?{query}", timeout=10)
            assert served.headers["Content-Type"] == "text/xml; charset=utf-8"
            assert f'location="{soap.url}{operation.path}"' in served.text
            assert f'"{operation.action}"' in served.text


def test_soap_1_2_without_an_action_is_dispatched_by_its_body(demo: SoapClient) -> None:
    assert demo.call("HasSession", version="1.2", action="")["HasSessionResult"] == "true"
    assert "did not recognize" in demo.post("HasSession", action="").text


def test_no_response_contains_an_element_equal_to_its_default(demo: SoapClient) -> None:
    demo.save_company()
    lines = entry(1500, "125.00"), entry(3100, "-125.00", "<TaxNo>5</TaxNo>")
    demo.save_vouchers(voucher(1, *lines))
    file = {"content": "QQ==", "meta": {"InvoiceNo": "F-77"}}
    demo.control("POST", "/books/1/vouchers/1/files", file, expect=201)
    requests = {
        "Login": credential(),
        "GetIdentitiesWithCredential": credential("many"),
        "GetCompanies": "<searchParams><CompanyName>%</CompanyName></searchParams><returnProperties>"
        "<string>Type</string><string>ExternalId</string></returnProperties>",
        "SaveProject": "<project><Id>7</Id><Name>Nybygg</Name></project>",
        "GetSingleProject": "<projectId>7</projectId>",
        "SaveCompanies": "<companies><Company><Name>Kunde AS</Name></Company></companies>",
        "SaveBundleList": "<BundleList/>",
        "GetEntryId": "<argEntryId><Date>2026-03-04</Date><SortNo>1</SortNo></argEntryId>",
        "GetTransactions": "<searchParams><DateStart>2026-01-01</DateStart><DateEnd>2027-01-01</DateEnd></searchParams>",
        "GetFileInfo": "<parameters><HasStampNo>true</HasStampNo></parameters>",
        **dict.fromkeys(("GetSize", "GetChecksum"), "<file><Id>1</Id></file>"),
        "DownloadChunk": "<file><Id>1</Id></file><bufferSize>1</bufferSize>",
    }
    for name in demo.operations:
        demo.call(name, requests.get(name, ""))  # holds each against the WSDL


def test_paths_are_case_sensitive_and_take_only_posts(soap: SoapClient) -> None:
    path = soap.operations["Login"].path
    assert soap.http.get(soap.url + path, timeout=10).status_code == 405
    assert soap.http.post(soap.url + path.upper(), timeout=10).status_code == 404

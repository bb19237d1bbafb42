import pytest
from lxml import etree

from tests.sandbox.twentyfour.soap_client import APPLICATION, Answer, SoapClient, credential

HUGE = f"<BudgetHour>{'9' * 30}</BudgetHour>"


def test_every_operation_of_the_contract_is_there(demo: SoapClient) -> None:
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


def test_soap_1_2_is_answered_in_kind(soap: SoapClient) -> None:
    assert soap.call("HasSession", version="1.2")["HasSessionResult"] == "false"
    response = soap.post("GetAccountList", version="1.2")
    fault = Answer(etree.fromstring(response.content))
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert fault["{http://www.w3.org/2003/05/soap-envelope}Value"] == "soap:Receiver"
    assert fault["{http://www.w3.org/2003/05/soap-envelope}Text"].endswith("Session is not authenticated")


@pytest.mark.parametrize(
    ("operation", "inner"),
    [
        pytest.param(
            "Login", "<credential><Username>demo</Username></credential>", id="required element left out"
        ),
        pytest.param("Login", f"<credential>{APPLICATION}<Nickname/></credential>", id="unknown element"),
        pytest.param(
            "Login", f"<credential><Username/>{APPLICATION}</credential>", id="elements in the wrong order"
        ),
        pytest.param("Login", "<credential><ApplicationId>7</ApplicationId></credential>", id="no guid"),
        pytest.param(
            "SaveCompanies",
            "<companies><Company><Type>Friend</Type></Company></companies>",
            id="not of the enumeration",
        ),
        pytest.param("GetSingleProject", "<projectId>one</projectId>", id="no number"),
        pytest.param("GetSingleProject", "<projectId>2147483648</projectId>", id="too large a number"),
        pytest.param(
            "GetTransactions",
            "<searchParams><InvoiceNo>1</InvoiceNo></searchParams>",
            id="required nillable left out",
        ),
    ],
)
def test_what_the_contract_does_not_allow_is_refused(demo: SoapClient, operation: str, inner: str) -> None:
    response = demo.post(operation, inner)
    assert response.status_code == 500
    assert "soap:Client" in response.text
    assert "Instance validation error: " in response.text


@pytest.mark.parametrize(
    ("operation", "inner"),
    [
        (
            "GetEntryId",
            "<argEntryId><Date>12026-01-01T00:00:00</Date><SortNo>11</SortNo><EntryNo>0</EntryNo></argEntryId>",
        ),
        ("SaveProject", f"<project><NameDisplay>Plain</NameDisplay><TimeReg>WorkType</TimeReg>{HUGE}</project>"),
    ],
)
def test_a_value_that_net_cannot_hold_is_refused(demo: SoapClient, operation: str, inner: str) -> None:
    response = demo.post(operation, inner)
    assert response.status_code == 500
    assert "Instance validation error: " in response.text


def test_a_request_that_leaves_out_what_only_the_code_needs_is_refused(demo: SoapClient) -> None:
    assert demo.fault("SaveCompanies") == "Object reference not set to an instance of an object."


def test_what_is_no_xml_or_no_envelope_is_refused(soap: SoapClient) -> None:
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


def test_an_action_that_the_service_does_not_have_is_refused(soap: SoapClient) -> None:
    response = soap.post("HasSession", action="http://24sevenOffice.com/webservices/SaveCompanies")
    assert response.status_code == 500
    assert "did not recognize the value of HTTP Header SOAPAction" in response.text


def test_a_body_that_is_not_for_the_action_is_refused(soap: SoapClient) -> None:
    response = soap.post("HasSession", action=soap.operations["Login"].action)
    assert response.status_code == 500
    assert "Login was expected" in response.text


def test_unset_values_in_a_request_are_understood(soap: SoapClient) -> None:
    assert soap.call("Login", credential(identity="00000000-0000-0000-0000-000000000000"))["LoginResult"]


def test_paths_are_case_sensitive_and_take_only_posts(soap: SoapClient) -> None:
    path = soap.operations["Login"].path
    assert soap.http.get(soap.url + path, timeout=10).status_code == 405
    assert soap.http.post(soap.url + path.upper(), timeout=10).status_code == 404

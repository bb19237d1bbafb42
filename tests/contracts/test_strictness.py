"""Checks that the contract tests' strict mode and .NET mode change what the sandbox accepts and returns."""

import pytest
import requests
from lxml import etree

from tests.contracts.dotnet import rewrite
from tests.contracts.stage_twentyfour import DESCRIBED, serving_twentyfour
from tests.contracts.strictness import problem_of

SOAP = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
NAMESPACE = 'xmlns="http://24sevenOffice.com/webservices"'
ENTRY_ID = f"<GetEntryId {NAMESPACE}><argEntryId>{{}}</argEntryId></GetEntryId>"
DATE, SORT, NUMBER = "<Date>2026-03-04T00:00:00</Date>", "<SortNo>1</SortNo>", "<EntryNo>0</EntryNo>"


def problem(*parts: str) -> str:
    return problem_of(SOAP.format(ENTRY_ID.format("".join(parts))).encode(), DESCRIBED)


def test_only_strictly_valid_requests_are_accepted() -> None:
    assert problem(DATE, SORT, NUMBER) == ""


@pytest.mark.parametrize(
    "parts",
    [
        (SORT, DATE, NUMBER),
        (DATE, SORT),
        (DATE, SORT, NUMBER, "<Nickname/>"),
        ("<Date>2026-03-04</Date>", SORT, NUMBER),
    ],
    ids=["order", "missing", "unknown", "day"],
)
def test_our_client_may_not_send_what_24sevenoffice_only_tolerates(parts: tuple[str, ...]) -> None:
    assert problem(*parts).startswith("Not what the WSDL asks for: Element ")


def test_a_call_that_is_not_valid_gets_a_fault() -> None:
    body = SOAP.format(f"<GetAccountList {NAMESPACE}><x/></GetAccountList>")
    with serving_twentyfour() as url:
        path = "/Economy/Account/V004/Accountservice.asmx"
        answer = requests.post(url + path, body, headers={"SOAPAction": f"{NAMESPACE}/GetAccountList"}, timeout=5)
    assert answer.status_code == 500
    assert "Not what the WSDL asks for" in answer.text


def test_a_response_is_rewritten_with_offsets_seven_digits_and_no_empty_list() -> None:
    project = (
        f"<GetProjectListResponse {NAMESPACE}>"
        "<GetProjectListResult><Project><Id>1</Id><NameDisplay>Plain</NameDisplay>"
        "<DateChanged>2026-03-04T10:11:12.5</DateChanged><DateStart>2026-07-01T00:00:00</DateStart>"
        "<TimeReg>WorkType</TimeReg><Participants/></Project></GetProjectListResult>"
        "</GetProjectListResponse>"
    )
    rewritten = etree.fromstring(rewrite(b"<?xml version='1.0'?>" + SOAP.format(project).encode(), DESCRIBED))
    texts = {etree.QName(part).localname: part.text for part in rewritten.iter(etree.Element) if not len(part)}
    assert texts == {
        "Id": "1",
        "NameDisplay": "Plain",
        "DateChanged": "2026-03-04T10:11:12.5000007",
        "DateStart": "2026-07-01T00:00:00+03:00",
        "TimeReg": "WorkType",
    }

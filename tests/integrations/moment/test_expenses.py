"""Expenses on Moment's projects: the requests, and the handling of good and bad responses."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from email import message_from_bytes
from email.message import Message
from io import BytesIO

import pytest

from integrations.moment.gateway import MomentGateway
from sync.errors import OutcomeUnknownError, RejectedError, UnavailableError
from sync.ports import ProjectExpenses
from sync.records import ExpenseDraft
from tests.http_server import Answer, sends
from tests.integrations.moment.remote import Remote, pages, says

DRAFT = ExpenseDraft(
    external_id="2026-4-40001/1/4300",
    project_id="7",
    activity_id="71",
    description="Byggmakker 5512: timber",
    amount=125050,
    supplier="Byggmakker",
    invoice_number="5512",
    day=date(2026, 3, 1),
    billable=True,
)
THERE: dict[str, object] = {
    "id": 9,
    "projectId": 7,
    "projectExtensionId": 71,
    "description": "Byggmakker 5512: timber",
    "amountInclVat": 1250.50,
    "currencyCode": "NOK",
    "supplierName": "Byggmakker",
    "supplierInvoiceNumber": "5512",
    "expenseDate": "2026-03-01",
    "billable": True,
}
INVOICED = says(THERE | {"amountInclVat": 1, "invoiced": True})
REFUSED = says({"detail": "Activity Expenses is closed"}, status=409)


def attach(expenses: ProjectExpenses, *, name: str = "Byggmakker 5512.pdf", content: bytes = b"%PDF") -> None:
    expenses.upload_document("9", name=name, media_type="application/pdf", content=BytesIO(content))


TOUCHING: dict[str, Callable[[ProjectExpenses], object]] = {
    "PATCH projectExpenses/9": lambda expenses: expenses.update_expense("9", DRAFT, activity="Expenses"),
    "DELETE projectExpenses/9": lambda expenses: expenses.delete_expense("9"),
    "POST projectExpenses/9/attachments": attach,
}


def test_a_project_is_found_by_its_number_whether_moment_filters_or_not(
    remote: Remote, gateway: MomentGateway
) -> None:
    remote.answers["GET projects"] = pages(
        [{"id": 5, "projectNumber": "11"}, {"id": 6}], [{"id": 7, "projectNumber": "1"}]
    )
    expenses: ProjectExpenses = gateway
    assert expenses.project_numbered(1) == "7"
    assert [asked.query for asked in remote.asked] == [
        f"projectNumber=1&page={page}&size=500&sort=id%2Casc" for page in range(2)
    ]


@pytest.mark.parametrize("number", ["0006109", "06109", "6109", 6109])
def test_a_project_is_found_by_its_number_with_zeros_before_it(
    remote: Remote, gateway: MomentGateway, number: object
) -> None:
    found = pages([{"id": 5, "projectNumber": "16109"}, {"id": 7, "projectNumber": number}])
    remote.answers["GET projects"] = [*pages([]), *found]
    assert gateway.project_numbered(6109) == "7"


def test_a_found_project_is_cached_and_a_missing_one_is_searched_for_again(
    remote: Remote, gateway: MomentGateway
) -> None:
    remote.answers["GET projects"] = [*pages([]), *pages([]), *pages([{"id": 7, "projectNumber": 1}])]
    assert [gateway.project_numbered(1) for _ in range(4)] == [None, "7", "7", "7"]
    assert remote.times("GET projects") == 3


@pytest.mark.parametrize("called", ["Expenses", " expenses ", "EXPENSES"])
def test_an_activity_is_found_by_its_name_among_the_projects_own(
    remote: Remote, gateway: MomentGateway, called: str
) -> None:
    remote.answers["GET projectExtensions"] = pages(
        [
            {"id": 81, "projectId": 8, "name": "Expenses", "projectExtensionState": "open"},
            {"id": 70, "projectId": 7, "name": "Design", "projectExtensionState": "open"},
            {"id": 71, "projectId": 7, "name": "Expenses", "projectExtensionState": "closed"},
        ],
        [{"id": 72, "projectId": 7, "name": "expenses", "projectExtensionState": "open"}],
    )
    assert gateway.activity("7", called) == "72"


def test_a_closed_activity_is_refused_by_its_name_and_its_projects_number(
    remote: Remote, gateway: MomentGateway
) -> None:
    closed = {"id": 71, "projectId": 7, "name": "Expenses", "projectExtensionState": "closed"}
    remote.answers["GET projectExtensions"] = pages([closed])
    remote.answers["GET projects/7"] = [says({"id": 7, "projectNumber": "1"})]
    with pytest.raises(RejectedError, match="“Expenses” of project 1 is closed") as refusal:
        gateway.activity("7", "Expenses")
    assert refusal.value.remedy.startswith("Open the activity “Expenses” of project 1")


def test_a_missing_activity_is_created(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET projectExtensions"] = pages([])
    remote.answers["POST projectExtensions"] = [says({"id": 73}, status=201)]
    assert gateway.activity("7", "Utlegg på bil") == "73"
    assert json.loads(remote.asked[-1].body) == {"name": "Utlegg på bil", "projectId": 7}


def test_an_activity_that_moment_refuses_to_create_needs_attention(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET projectExtensions"] = pages([])
    remote.answers["POST projectExtensions"] = [says({"detail": "Only Kari may do that"}, status=422)]
    with pytest.raises(RejectedError, match=r"\(saving activities\): Only Kari may do that") as refusal:
        gateway.activity("7", "Expenses")
    assert refusal.value.remedy == "Create an activity called “Expenses” in project 7 in Moment."


def test_an_expense_is_found_by_its_external_id_whether_moment_filters_or_not(
    remote: Remote, gateway: MomentGateway
) -> None:
    remote.answers["GET projectExpenses"] = pages([{"id": 8}, {"id": 9, "externalId": "2026-4-40001/1/4300"}])
    assert gateway.find_expense("2026-4-40001/1/4300") == "9"
    assert gateway.find_expense("2026-4-40001/1/4000") is None


def test_an_expense_is_sent_with_all_its_fields(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["POST projectExpenses"] = [says({"id": 9}, status=201)]
    assert gateway.create_expense(DRAFT) == "9"
    assert json.loads(remote.asked[0].body) == {
        "projectId": 7,
        "projectExtensionId": 71,
        "description": "Byggmakker 5512: timber",
        "amountInclVat": 1250.50,
        "currencyCode": "NOK",
        "supplierName": "Byggmakker",
        "supplierInvoiceNumber": "5512",
        "expenseDate": "2026-03-01",
        "billable": True,
        "approvalState": "accepted",
        "externalId": "2026-4-40001/1/4300",
    }


@pytest.mark.parametrize(
    ("ore", "sent"),
    [
        (125050, b"1250.50"),
        (100, b"1.00"),
        (7, b"0.07"),
        (-29, b"-0.29"),
        (99999999999999999, b"999999999999999.99"),
    ],
)
def test_an_amount_is_a_number_with_two_decimals_exact_to_the_ore(
    remote: Remote, gateway: MomentGateway, ore: int, sent: bytes
) -> None:
    remote.answers["POST projectExpenses"] = [says({"id": 9}, status=201)]
    gateway.create_expense(replace(DRAFT, amount=ore))
    assert b'"amountInclVat": ' + sent + b"," in remote.asked[0].body


@pytest.mark.parametrize("answer", [says({}, status=201), says({"id": "?"}), sends(b"", status=204)])
def test_an_expense_saved_under_an_unknown_id_is_searched_for(
    remote: Remote, gateway: MomentGateway, answer: Answer
) -> None:
    remote.answers["POST projectExpenses"] = [answer]
    with pytest.raises(OutcomeUnknownError) as doubt:
        gateway.create_expense(DRAFT)
    assert isinstance(doubt.value.otherwise, UnavailableError)


def test_an_expense_is_corrected(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers |= {"GET projectExpenses/9": [says(THERE)], "PATCH projectExpenses/9": [says({"id": 9})]}
    assert gateway.update_expense("9", replace(DRAFT, amount=-100, supplier="Byggmaker"), activity="Expenses")
    assert remote.asked[-1].body == b'{"amountInclVat": -1.00, "supplierName": "Byggmaker"}'


@pytest.mark.parametrize("there", [THERE, THERE | {"projectId": "7", "billable": False, "projectExtensionId": 99}])
def test_an_expense_that_agrees_is_not_written(
    remote: Remote, gateway: MomentGateway, there: dict[str, object]
) -> None:
    remote.answers["GET projectExpenses/9"] = [says(there)]
    assert gateway.update_expense("9", DRAFT, activity="Expenses")
    assert len(remote.asked) == 1


@pytest.mark.parametrize("answer", [sends(b"", status=204), says({})])
def test_an_expense_is_removed(remote: Remote, gateway: MomentGateway, answer: Answer) -> None:
    remote.answers["DELETE projectExpenses/9"] = [answer]
    assert gateway.delete_expense("9")


def test_a_response_that_does_not_confirm_the_removal_is_invalid(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["DELETE projectExpenses/9"] = [sends(b"<html>We are back soon</html>")]
    with pytest.raises(UnavailableError, match=r"\(removing project expenses\)"):
        gateway.delete_expense("9")


def test_a_missing_expense_is_not_touched(gateway: MomentGateway) -> None:
    assert not gateway.update_expense("9", DRAFT, activity="Expenses")
    assert not gateway.delete_expense("9")
    assert gateway.document_names("9") is None
    with pytest.raises(RejectedError, match="This record no longer exists"):
        attach(gateway)


@pytest.mark.parametrize("touch", TOUCHING)
def test_a_refusal_of_an_invoiced_expense_says_so(remote: Remote, gateway: MomentGateway, touch: str) -> None:
    remote.answers |= {touch: [REFUSED], "GET projectExpenses/9": [INVOICED]}
    with pytest.raises(RejectedError, match="has been invoiced in Moment and can no longer be changed") as refusal:
        TOUCHING[touch](gateway)
    assert refusal.value.error_code == "invoiced"


@pytest.mark.parametrize("touch", TOUCHING)
@pytest.mark.parametrize("expense", [says({"id": 9, "invoiced": False}), says({"id": 9}), says({}, status=404)])
def test_any_other_refusal_is_reported_in_moments_own_words(
    remote: Remote, gateway: MomentGateway, touch: str, expense: Answer
) -> None:
    before = [says(THERE | {"amountInclVat": 1})] if touch.startswith("PATCH") else []
    remote.answers |= {touch: [REFUSED], "GET projectExpenses/9": [*before, expense]}
    with pytest.raises(RejectedError, match="Activity Expenses is closed") as refusal:
        TOUCHING[touch](gateway)
    assert refusal.value.error_code == "moment_refused"


def test_the_names_of_an_expenses_documents_are_returned(remote: Remote, gateway: MomentGateway) -> None:
    files = [{"id": 1, "name": "Byggmakker 5512.pdf"}, {"id": 2}]
    remote.answers["GET projectExpenses/9/attachments"] = [says({"content": files})]
    assert gateway.document_names("9") == ["Byggmakker 5512.pdf", ""]
    assert remote.asked[0].query == "page=0&size=500&sort=id%2Casc"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Sørlie & Åsen (2) 55-12_æ, b+c.pdf", "Sørlie & Åsen (2) 55-12_æ, b+c.pdf"),
        ('a"b\\c/d\r\nX-Evil: 1;.pdf', "a-b-c-d--X-Evil- 1-.pdf"),
        ("kake \N{SHORTCAKE}\ud800.pdf", "kake --.pdf"),
    ],
)
def test_a_document_is_uploaded_under_a_name_that_a_header_can_hold(
    remote: Remote, gateway: MomentGateway, name: str, sent: str
) -> None:
    remote.answers["POST projectExpenses/9/attachments"] = [says({"id": 1}, status=201)]
    content = bytes(range(256)) * 1000
    attach(gateway, name=name, content=content)
    part = form(remote)
    assert part.get_payload(decode=True) == content
    assert part.get_content_type() == "application/pdf"
    assert part.get_param("name", header="content-disposition") == "file"
    assert f'; filename="{sent}"\r\n'.encode() in remote.asked[0].body


def test_an_empty_document_is_uploaded(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["POST projectExpenses/9/attachments"] = [says({"id": 1}, status=201)]
    attach(gateway, content=b"")
    assert form(remote).get_payload(decode=True) == b""


def form(remote: Remote) -> Message:
    """Read the single part of the form that was sent, as any MIME parser does."""
    asked = remote.asked[0]
    message = message_from_bytes(f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode() + asked.body)
    _, part = message.walk()
    return part

import hashlib
from decimal import Decimal
from typing import Any

import pytest

from models.connections.settings import ConnectionSettings
from tests.sandbox.moment.conftest import PROJECT, Moment

ACTIVITY = 62788981


@pytest.fixture
def expense(moment: Moment) -> Any:
    return moment.make(
        "projectExpenses",
        projectId=PROJECT,
        projectExtensionId=ACTIVITY,
        amountInclVat="125.50",
        supplierName="Byggmakker",
        expenseDate="2026-03-01",
        billable=True,
        approvalState="accepted",
        externalId="voucher-7",
    )


def test_the_demo_company_has_the_activity_that_expenses_go_to_by_default(moment: Moment) -> None:
    """So that the doctor finds nothing wrong with a first connection."""
    activities = moment.read("projectExtensions")["content"]
    name = ConnectionSettings.model_fields["expense_activity"].default
    assert [each["projectExtensionState"] for each in activities if each["name"] == name] == ["open"]


def test_an_expense_is_found_by_its_external_id(moment: Moment, expense: Any) -> None:
    assert moment.read("projectExpenses", externalId="voucher-7")["content"] == [expense]
    assert moment.read("projectExpenses", externalId="voucher-8")["content"] == []
    assert expense["amountInclVat"] == Decimal("125.50")


@pytest.mark.parametrize("name", ["receipt.pdf", "kvittering på bensin.png"])
def test_a_file_has_a_name_size_and_checksum(moment: Moment, expense: Any, name: str) -> None:
    content = bytes(range(256)) * 10_000
    path = f"projectExpenses/{expense['id']}/attachments"
    made = moment.api("POST", path, files={"file": (name, content, "application/pdf")})
    assert made.status_code == 201
    (file,) = moment.read(path)["content"]
    assert (file["name"], file["contentType"], file["size"]) == (name, "application/pdf", len(content))
    assert file["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert moment.control("GET", "books/1001/attachments").json() == [file]


def test_deleting_an_expense_deletes_its_files(moment: Moment, expense: Any) -> None:
    path = f"projectExpenses/{expense['id']}"
    moment.api("POST", f"{path}/attachments", files={"file": ("receipt.pdf", b"%PDF", "application/pdf")})
    assert moment.api("DELETE", path).status_code == 204
    assert moment.control("GET", "books/1001/attachments").json() == []


def test_a_file_needs_an_expense(moment: Moment) -> None:
    files = {"file": ("receipt.pdf", b"%PDF", "application/pdf")}
    assert moment.api("POST", "projectExpenses/1/attachments", files=files).status_code == 404
    assert moment.api("GET", "projectExpenses/1/attachments").status_code == 404


def test_an_invoiced_expense_never_changes(moment: Moment, expense: Any) -> None:
    path = f"projectExpenses/{expense['id']}"
    assert moment.do(f"{path}/invoice")["invoiced"] is True
    files = {"file": ("receipt.pdf", b"%PDF", "application/pdf")}
    assert moment.api("PATCH", path, json={"amountInclVat": 1}).status_code == 409
    assert moment.api("DELETE", path).status_code == 409
    assert moment.api("POST", f"{path}/attachments", files=files).status_code == 409
    assert moment.control("POST", f"companies/1001/{path}/invoice").status_code == 409
    assert moment.read(path)["amountInclVat"] == Decimal("125.50")


@pytest.mark.parametrize("change", [{"approvalState": "pending"}, {"billable": False}])
def test_only_an_accepted_and_billable_expense_can_be_invoiced(
    moment: Moment, expense: Any, change: dict[str, Any]
) -> None:
    path = f"projectExpenses/{expense['id']}"
    moment.api("PATCH", path, json=change)
    assert moment.control("POST", f"companies/1001/{path}/invoice").status_code == 409


@pytest.mark.parametrize("resource", ["projectExpenses", "projectExtensions"])
def test_a_closed_project_takes_no_expense_or_activity(moment: Moment, resource: str) -> None:
    moment.api("PATCH", f"projects/{PROJECT}", json={"projectState": "closed"})
    assert moment.api("POST", resource, json={"projectId": PROJECT}).status_code == 409


def test_a_closed_activity_takes_no_expense(moment: Moment) -> None:
    moment.api("PATCH", f"projectExtensions/{ACTIVITY}", json={"projectExtensionState": "closed"})
    body = {"projectId": PROJECT, "projectExtensionId": ACTIVITY}
    assert moment.api("POST", "projectExpenses", json=body).status_code == 409


def test_an_activity_of_another_project_takes_no_expense(moment: Moment) -> None:
    other = moment.make("projects", name="Låven")
    body = {"projectId": other["id"], "projectExtensionId": ACTIVITY}
    assert moment.api("POST", "projectExpenses", json=body).status_code == 400
    assert moment.api("POST", "projectExpenses", json={}).status_code == 400


def test_an_activity_can_be_created_in_a_project(moment: Moment) -> None:
    made = moment.make("projectExtensions", name="Expenses", projectId=PROJECT)
    assert made["projectExtensionState"] == "open"
    assert moment.api("POST", "projectExtensions", json={"name": "Expenses", "projectId": 1}).status_code == 400

"""What the expenses flow relies on, checked with the gateway against the sandbox."""

import hashlib
import io
import tracemalloc
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, UnavailableError
from sync.ports import ProjectExpenses
from sync.records import ExistingExpense
from tests.contracts.stage_moment import (
    DESIGN,
    FAULTS_AFTER_THE_WORK,
    SOLBAKKEN,
    TIMBER,
    MomentSandbox,
    attach,
    calling,
)
from tests.fakes import FakeMoment
from tests.sandbox.serving import sandbox

MIB = 1024 * 1024


@pytest.fixture
def moment(gateway: ProjectExpenses) -> ProjectExpenses:
    return gateway


@pytest.fixture
def expense_id(moment: ProjectExpenses) -> str:
    return moment.create_expense(TIMBER)


def test_a_project_is_found_by_its_number_even_if_just_created(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    assert moment.project_numbered(1) == SOLBAKKEN.id
    assert moment.project_numbered(2) is None
    made = moment_sandbox.make("projects", name="Låven", projectNumber="2")
    assert moment.project_numbered(2) == made


def test_an_activity_is_found_or_created_once(moment: ProjectExpenses, moment_sandbox: MomentSandbox) -> None:
    assert moment.activity(SOLBAKKEN.id, " DETAIL design") == DESIGN
    made = moment.activity(SOLBAKKEN.id, "Utlegg på bil")
    assert moment.activity(SOLBAKKEN.id, "utlegg PÅ bil") == made
    assert [activity["name"] for activity in moment_sandbox.records("projectExtensions")] == [
        "Detail design",
        "Expenses",
        "Utlegg på bil",
    ]


def test_an_activity_is_created_in_the_project_that_needs_it(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    other = moment_sandbox.make("projects", name="Låven")
    made = moment.activity(other, "Detail design")
    assert made != DESIGN
    assert moment.create_expense(replace(TIMBER, project_id=other, activity_id=made))


def test_an_activity_with_a_lost_response_is_found(moment: ProjectExpenses, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.add_fault("POST projectExtensions", "lose_response")
    with pytest.raises(OutcomeUnknownError):
        moment.activity(SOLBAKKEN.id, "Complaints")
    moment.activity(SOLBAKKEN.id, "Complaints")
    assert len(moment_sandbox.records("projectExtensions")) == 3


def test_a_closed_activity_is_refused_with_a_remedy(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.change(f"projectExtensions/{DESIGN}", projectExtensionState="closed")
    with pytest.raises(RejectedError, match="“Detail design” of project 1 is closed") as refusal:
        moment.activity(SOLBAKKEN.id, "Detail design")
    assert refusal.value.remedy


def test_an_activity_that_cannot_be_created_is_refused_with_a_remedy(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.change(f"projects/{SOLBAKKEN.id}", projectState="closed")
    with pytest.raises(RejectedError, match="Project 1 is closed") as refusal:
        moment.activity(SOLBAKKEN.id, "Complaints")
    assert refusal.value.remedy == "Create an activity called “Complaints” in project 1 in Moment."


@pytest.mark.parametrize("amount", [125050, -99, 0, 7, 123456789012])
def test_an_expense_is_saved_exactly_to_the_ore(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, amount: int
) -> None:
    made = moment.create_expense(replace(TIMBER, amount=amount))
    (expense,) = moment_sandbox.records("projectExpenses")
    del expense["lastModifiedDate"]
    assert expense == {
        "id": int(made),
        "projectId": int(SOLBAKKEN.id),
        "projectExtensionId": int(DESIGN),
        "description": "Byggmakker 5512",
        "amountInclVat": Decimal(amount) / 100,
        "currencyCode": "NOK",
        "supplierName": "Byggmakker",
        "supplierInvoiceNumber": "5512",
        "expenseDate": "2026-03-01",
        "billable": True,
        "approvalState": "accepted",
        "externalId": TIMBER.external_id,
        "invoiced": False,
    }


@pytest.mark.parametrize("fake", [True, False], ids=["fake", "sandbox"])
def test_the_expenses_with_an_external_id_are_returned(moment: ProjectExpenses, *, fake: bool) -> None:
    moment = FakeMoment() if fake else moment
    dated = replace(TIMBER, external_id="24so:2026-4-40002/1/4300", day=date(2026, 6, 30), amount=-7)
    ids = [moment.create_expense(each) for each in (TIMBER, dated, replace(TIMBER, external_id=""))]
    first, second = moment.expenses_from(date(2026, 3, 1))
    assert first == ExistingExpense(
        ids[0],
        TIMBER.external_id,
        TIMBER.project_id,
        TIMBER.description,
        TIMBER.amount,
        supplier=TIMBER.supplier,
        invoice_number=TIMBER.invoice_number,
        day=TIMBER.day,
    )
    assert (second.id, second.day, second.amount) == (ids[1], dated.day, -7)


def test_more_expenses_than_a_page_holds_are_returned_each_once(moment: ProjectExpenses) -> None:
    ids = [moment.create_expense(replace(TIMBER, external_id=str(n))) for n in range(120)]
    assert [each.id for each in moment.expenses_from(date(2026, 3, 1))] == ids


def test_an_expense_that_is_invoiced_or_cannot_be_read_is_marked_so(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    other = moment.create_expense(replace(TIMBER, external_id="2"))
    moment_sandbox.change(f"projectExpenses/{other}", amountInclVat=1.005)
    moment_sandbox.invoice_expense(expense_id)
    first, second = moment.expenses_from(date(2026, 3, 1))
    assert (first.invoiced, first.unreadable, second.external_id) == (True, "", "2")
    assert "two decimals" in second.unreadable


@pytest.mark.parametrize("fault", FAULTS_AFTER_THE_WORK)
def test_an_expense_with_a_lost_response_is_found_by_its_external_id(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, fault: str
) -> None:
    assert moment.find_expense(TIMBER.external_id) is None
    moment_sandbox.add_fault("POST projectExpenses", fault)
    with pytest.raises(OutcomeUnknownError):
        moment.create_expense(TIMBER)
    (expense,) = moment_sandbox.records("projectExpenses")
    assert moment.find_expense(TIMBER.external_id) == str(expense["id"])


def test_an_expense_that_moment_refuses_is_reported_in_its_words(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.change(f"projectExtensions/{DESIGN}", projectExtensionState="closed")
    with pytest.raises(RejectedError, match="Activity Detail design is closed"):
        moment.create_expense(TIMBER)


def test_an_expense_can_be_corrected_repeatedly(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    for _ in range(2):
        credited = replace(TIMBER, amount=-50, description="Credited")
        assert moment.update_expense(expense_id, credited, activity="Expenses")
    (expense,) = moment_sandbox.records("projectExpenses")
    assert (expense["amountInclVat"], expense["description"]) == (Decimal("-0.50"), "Credited")


def test_correcting_an_expense_keeps_what_the_project_decides(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox
) -> None:
    made = moment.create_expense(replace(TIMBER, billable=False))
    other = moment_sandbox.make("projectExtensions", name="Complaints", projectId=SOLBAKKEN.id)
    moment_sandbox.change(f"projectExpenses/{made}", projectExtensionId=int(other), approvalState="pending")
    assert moment.update_expense(made, replace(TIMBER, description="Planks"), activity="Expenses")
    (expense,) = moment_sandbox.records("projectExpenses")
    assert (expense["description"], expense["billable"]) == ("Planks", False)
    assert (expense["projectExtensionId"], expense["approvalState"]) == (int(other), "pending")


def test_an_expense_on_another_project_moves_to_an_activity_of_that_project(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    other = moment_sandbox.make("projects", name="Låven")
    assert moment.update_expense(expense_id, replace(TIMBER, project_id=other), activity="Expenses")
    (expense,) = moment_sandbox.records("projectExpenses")
    assert expense["projectId"] == int(other)
    assert expense["projectExtensionId"] == int(moment.activity(other, "Expenses"))


@pytest.mark.parametrize("fault", FAULTS_AFTER_THE_WORK)
def test_a_change_with_a_lost_response_may_be_repeated(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str, fault: str
) -> None:
    moment_sandbox.add_fault("PATCH projectExpenses", fault)
    with pytest.raises(UnavailableError):
        moment.update_expense(expense_id, replace(TIMBER, amount=-50), activity="Expenses")
    assert moment.update_expense(expense_id, replace(TIMBER, amount=-50), activity="Expenses")


def test_a_removed_expense_stays_removed(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    assert moment.delete_expense(expense_id)
    assert not moment.delete_expense(expense_id)
    assert not moment.update_expense(expense_id, TIMBER, activity="Expenses")
    assert moment.document_names(expense_id) is None
    assert moment.find_expense(TIMBER.external_id) is None
    assert moment_sandbox.records("projectExpenses") == []


def test_an_invoiced_expense_is_not_touched(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    moment_sandbox.invoice_expense(expense_id)
    books = moment_sandbox.records("projectExpenses")
    assert moment.update_expense(expense_id, TIMBER, activity="Expenses")  # nothing differs
    for touch in (
        lambda: moment.update_expense(expense_id, replace(TIMBER, amount=1), activity="Expenses"),
        lambda: moment.delete_expense(expense_id),
        lambda: attach(moment, expense_id),
    ):
        with pytest.raises(RejectedError, match="has been invoiced") as refusal:
            touch()
        assert refusal.value.error_code == "invoiced"
    assert moment_sandbox.records("projectExpenses") == books
    assert moment.document_names(expense_id) == []


def test_file_names_are_returned_in_upload_order(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str
) -> None:
    names = ["Sørlie & Sønn AS 5512.pdf", "Sørlie & Sønn AS 5512 (2).png"]
    for name, kind in zip(names, ("application/pdf", "image/png"), strict=True):
        moment.upload_document(expense_id, name=name, media_type=kind, content=io.BytesIO(kind.encode()))
    assert moment.document_names(expense_id) == names
    assert [(file["contentType"], file["md5"]) for file in moment_sandbox.records("attachments")] == [
        (kind, hashlib.md5(kind.encode(), usedforsecurity=False).hexdigest())
        for kind in ("application/pdf", "image/png")
    ]


@pytest.mark.parametrize("fault", FAULTS_AFTER_THE_WORK)
def test_a_file_with_a_lost_response_is_found_by_its_name(
    moment: ProjectExpenses, moment_sandbox: MomentSandbox, expense_id: str, fault: str
) -> None:
    moment_sandbox.add_fault("POST projectExpenses/attachments", fault)
    with pytest.raises(OutcomeUnknownError):
        attach(moment, expense_id)
    assert moment.document_names(expense_id) == ["Byggmakker 5512.pdf"]


def test_a_file_for_a_deleted_expense_is_refused(moment: ProjectExpenses, expense_id: str) -> None:
    moment.delete_expense(expense_id)
    with pytest.raises(RejectedError):
        attach(moment, expense_id)


def test_a_key_that_is_refused_pauses_the_connection(moment_sandbox: MomentSandbox) -> None:
    with calling(moment_sandbox.url, key="revoked") as gateway, pytest.raises(MisconfiguredError):
        gateway.find_expense(TIMBER.external_id)


class Watched(io.FileIO):
    """A file that records the peak memory of a process while the file is read."""

    def __init__(self, path: Path, process: psutil.Process) -> None:
        super().__init__(path)
        self._process = process
        self.limit = 0

    def read(self, size: int | None = -1, /) -> Any:
        self.limit = max(self.limit, self._process.memory_info().rss)
        return super().read(size)


def test_a_large_file_is_uploaded_in_pieces_by_us_and_by_the_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(b"%PDF")
    with path.open("r+b") as file:
        file.truncate(40 * MIB)
    with sandbox() as (urls, process), calling(urls["moment"], answer_seconds=30) as moment:
        expense_id = moment.create_expense(TIMBER)
        before = psutil.Process(process.pid).memory_info().rss
        tracemalloc.start()
        with Watched(path, psutil.Process(process.pid)) as content:
            moment.upload_document(expense_id, name="large.pdf", media_type="application/pdf", content=content)
        _, limit = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        (file_there,) = MomentSandbox(urls["moment"]).records("attachments")
    assert file_there["md5"] == hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert limit < 2 * MIB
    assert content.limit - before < 16 * MIB

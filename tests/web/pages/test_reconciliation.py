"""Reconciliations on the pages: requested, run, and their discrepancies corrected."""

import csv
import html
import re
from datetime import date

import lxml.html
import pytest

from models.admin import discrepancies, job_details
from models.admin.operations import OperationType
from models.enums import EntityType, JobState, Lane, Record, Role
from models.inbox import leases, links
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from sync.reconciliation.report import ReconciliationReport, Total
from tests.installation import EXPENSE_KEY, add_reconciliation, messages
from tests.web.conftest import Person, Web
from tests.web.form_filling import error_at, forms_to, summary_of
from web.pages.reconciliation import RECONCILIATIONS_SHOWN
from worker import tasks
from worker.container import Container, clock

INVOICE = Record(EntityType.INVOICE, "9")


@pytest.fixture
def person(web: Web) -> Person:
    return web.as_(Role.OPERATOR, connections=[web.connection.id])


@pytest.fixture
def place(web: Web, container: Container) -> str:
    """The page of a reconciliation in which invoice 1024, with the id 9, is missing."""
    return f"/operations/{add_reconciliation(container, web.connection)}"


def test_a_requested_reconciliation_says_why_it_could_not_be_made(
    web: Web, person: Person, container: Container
) -> None:
    asked = person.post(f"/connections/{web.connection.id}/compare", month="2026-02")
    place = asked.headers["Location"]
    assert "Reconciling." in person.get(place).text
    ((task, number),) = messages(container)
    operation = container.operations.get(number)
    assert operation
    assert (task, operation.input) == ("run_operation", {"first": "2026-02-01", "last": "2026-02-28"})
    tasks.run_operation(number)
    assert "data-awaits" not in person.get(place).text
    assert "Moment" in person.get(place).text
    assert place in person.get(f"/connections/{web.connection.id}/reconciliation").text


def test_the_last_month_is_reconciled_by_default(web: Web, person: Person, container: Container) -> None:
    person.post(f"/connections/{web.connection.id}/compare", month="")
    operation = container.operations.latest(web.connection.id, OperationType.RECONCILIATION)
    assert operation
    assert operation.input["last"] < clock().date().isoformat()


@pytest.mark.parametrize(
    ("month", "message"),
    [
        ("2099-01", "Choose a month that has begun."),
        ("2026-13", "Enter a month, such as 2026-01."),
        ("9999-99", "Enter a month, such as 2026-01."),
        ("January", "Enter a month, such as 2026-01."),
    ],
)
def test_a_month_that_cannot_be_compared_is_refused_at_its_field(
    web: Web, person: Person, container: Container, month: str, message: str
) -> None:
    page = person.post(f"/connections/{web.connection.id}/compare", month=month)
    assert container.operations.latest(web.connection.id, OperationType.RECONCILIATION) is None
    assert (page.status_code, error_at(page, "month")) == (422, message)
    assert summary_of(page) == {"month": f"Month: {message}"}
    assert f'value="{month}"' in page.text


def test_a_month_without_invoices_does_not_agree(web: Web, person: Person, container: Container) -> None:
    asked = person.post(f"/connections/{web.connection.id}/compare", month="2026-02").headers["Location"]
    empty = ReconciliationReport(first=date(2026, 2, 1), last=date(2026, 2, 28))
    result = {"findings": [], "report": empty.as_json()}
    container.operations.complete(int(asked.rpartition("/")[2]), result, now=clock())
    page = person.get(asked).text
    assert "there is nothing to compare" in page
    assert "no differences" not in page


def test_the_page_shows_the_differences_and_the_totals(person: Person, place: str) -> None:
    page = person.get(place).text
    for text in ("Differences found", "Not in the ledger", "1024", "2,400.00", "17/2026", "-1,920.00", "2701"):
        assert text in page
    assert "revenue excl. VAT" in page


def test_totals_of_an_earlier_release_are_marked_as_including_vat(
    web: Web, person: Person, container: Container
) -> None:
    day = date(2026, 10, 1)
    stored = ReconciliationReport(day, day, totals=[Total(3000, "3", -240000, 0, "25")]).as_json()
    del stored["vat_included"]
    asked = person.post(f"/connections/{web.connection.id}/compare", month="2026-10").headers["Location"]
    container.operations.complete(int(asked.rpartition("/")[2]), {"findings": [], "report": stored}, now=clock())
    assert "Incl. VAT; credits are negative" in person.get(asked).text


def test_a_missing_invoice_is_sent_even_if_its_job_is_dismissed_and_linked(
    web: Web, person: Person, container: Container, place: str
) -> None:
    database, number = container.database, web.connection.id
    links.save(database, number, INVOICE, Link("2026/17"), now=clock())
    enqueue(database, number, [INVOICE], now=clock())
    person.post("/records/act", action="resolve", job="1")
    assert _state(container, web) is JobState.DISMISSED
    sent = person.post(f"{place}/resolve", key="invoice/9", action="send")
    assert "Queued for syncing." in person.get(sent.headers["Location"]).text
    assert _state(container, web) is JobState.QUEUED
    assert links.find(database, number, INVOICE) is None
    assert messages(container) == [("sync_invoices", number)]
    lease = leases.acquire(database, Lane(number, EntityType.INVOICE), limit=1, now=clock(), until=clock())
    assert lease
    assert [job.outcome_unknown for job in lease.jobs] == [True]
    assert "Sent from the reconciliation: Invoice 1024" in web.as_(Role.ADMINISTRATOR).get("/audit-log").text


def test_an_invoice_being_processed_is_not_sent_again(
    web: Web, person: Person, container: Container, place: str
) -> None:
    database, number = container.database, web.connection.id
    links.save(database, number, INVOICE, Link("2026/17"), now=clock())
    enqueue(database, number, [INVOICE], now=clock())
    assert leases.acquire(database, Lane(number, EntityType.INVOICE), limit=1, now=clock(), until=clock())
    busy = person.post(f"{place}/resolve", key="invoice/9", action="send").headers["Location"]
    assert "This invoice is being processed right now" in person.get(busy).text
    assert links.find(database, number, INVOICE)


def test_an_accepted_difference_is_known_with_user_and_reason_until_it_changes(
    web: Web, person: Person, container: Container, place: str
) -> None:
    person.post(f"{place}/resolve", key="voucher/2026-101-17", action="accept", why="Entered by the accountant.")
    for where in (place, f"/operations/{add_reconciliation(container, web.connection)}"):
        page = person.get(where).text
        assert "Accepted differences" in page
        known = lxml.html.document_fromstring(page).find_class("findings")[0].text_content()
        assert "Only in the ledger: 77, 15 Oct 2026, 1.00\N{NO-BREAK SPACE}NOK, voucher 17/2026." in known
        assert "Entered by the accountant. (operator-" in known
        assert "<dt>Accepted</dt><dd>1</dd>" in page
        assert page.count('value="voucher/2026-101-17"') == 1  # to undo it
    assert "Accepted a difference: Voucher 17/2026" in web.as_(Role.ADMINISTRATOR).get("/audit-log").text
    person.post(f"{place}/resolve", key="invoice/9", action="accept", why="Paid in cash.")
    assert "Reconciled – no differences" in person.get(place).text
    changed = f"/operations/{add_reconciliation(container, web.connection, amount=1)}"
    assert "Differences found" in person.get(changed).text


def test_a_difference_is_accepted_only_with_a_reason(person: Person, place: str) -> None:
    page = person.post(f"{place}/resolve", key="invoice/9", action="accept", why=" ")
    assert (page.status_code, "Accepted differences" in page.text) == (422, False)
    assert error_at(page, "why") == summary_of(page)["why"] == "Enter a reason to accept this difference."


def test_expenses_have_their_own_section_and_can_be_synced_again(
    web: Web, person: Person, container: Container
) -> None:
    database, number = container.database, web.connection.id
    page = f"/operations/{add_reconciliation(container, web.connection, with_expenses=True)}"
    text = person.get(page).text
    assert text.index("<h2>Invoices") < text.index('<h2 id="expenses">Expenses') < text.index("Removed in Moment")
    assert "25 %" in text
    assert ">Import</button>" in text
    voucher = Record(EntityType.EXPENSE, "2026-104-40001")
    for moment_id, key in (("701", EXPENSE_KEY), ("702", "2026-104-40001/2/4300")):
        links.save(database, number, Record(EntityType.EXPENSE, moment_id), Link(key), now=clock())
    done = person.post(f"{page}/resolve", key=f"expense/{EXPENSE_KEY}", action="send").headers["Location"]
    assert "We check Moment first" in person.get(done).text
    assert messages(container) == [("sync_expenses", number)]
    job = job_details.find_by_record(database, number, voucher)
    assert job
    assert job.state is JobState.QUEUED
    assert list(links.find_by_prefix(database, number, EntityType.EXPENSE, "2026-104-40001/")) == [
        "2026-104-40001/2/4300"
    ]
    assert "Sent from the reconciliation: Voucher 40001/2026" in web.as_(Role.ADMINISTRATOR).get("/audit-log").text
    person.post(f"{page}/resolve", key=f"expense/{EXPENSE_KEY}", action="accept", why="Paid by Ola.")
    assert "Paid by Ola." in person.get(page).text


@pytest.mark.parametrize("key", ["", "invoice/8", "voucher/2026-101-17"])
def test_records_without_a_difference_or_only_in_the_ledger_are_not_sent(
    person: Person, place: str, key: str
) -> None:
    done = person.post(f"{place}/resolve", key=key, action="send").headers["Location"]
    assert "Nothing was done" in person.get(done).text


def test_a_viewer_can_only_read_reconciliations(web: Web, place: str) -> None:
    viewer = web.as_(Role.VIEWER)
    page = viewer.get(place)
    assert (page.status_code, "Differences found" in page.text) == (200, True)
    assert "/resolve" not in page.text
    assert viewer.post(f"{place}/resolve", key="invoice/9", action="send").status_code == 404
    shown = viewer.get(f"/connections/{web.connection.id}/reconciliation").text
    assert f'href="{place}"' in shown
    assert "/compare" not in shown


def test_earlier_reconciliations_are_listed_with_their_results(
    web: Web, container: Container, person: Person
) -> None:
    made = [add_reconciliation(container, web.connection) for _ in range(RECONCILIATIONS_SHOWN + 1)]
    page = person.get(f"/connections/{web.connection.id}/reconciliation").text
    assert [f'"/operations/{each}"' in page for each in made] == [False] + [True] * RECONCILIATIONS_SHOWN
    assert "2 differences" in page
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert f'"/operations/{made[0]}"' in person.get(html.unescape(older).partition("#")[0]).text


def _state(container: Container, web: Web) -> JobState:
    job = job_details.find_by_record(container.database, web.connection.id, INVOICE)
    assert job
    return job.state


def test_later_acceptances_elsewhere_do_not_change_a_reconciliation(
    web: Web, person: Person, container: Container, place: str
) -> None:
    accept = {"key": "voucher/2026-101-17", "action": "accept"}
    person.post(f"{place}/resolve", **accept, why="Entered by the accountant.")
    later = f"/operations/{add_reconciliation(container, web.connection)}"
    person.post(f"{later}/resolve", **accept, why="Another reason.")
    assert "Entered by the accountant." in person.get(place).text
    person.post(f"{later}/resolve", key="voucher/2026-101-17", action="withdraw")
    assert "Accepted differences" not in person.get(later).text
    page = person.get(place).text
    assert "Entered by the accountant." in page
    assert "Another reason." not in page


def test_a_reconciliation_shows_earlier_acceptances_too(
    web: Web, person: Person, container: Container, place: str
) -> None:
    person.post(f"{place}/resolve", key="voucher/2026-101-17", action="accept", why="By the accountant.")
    later = add_reconciliation(container, web.connection)
    operation = container.operations.get(later)
    assert operation
    assert (
        discrepancies.acceptances_in(container.database, operation)["voucher/2026-101-17"].why
        == "By the accountant."
    )
    assert "By the accountant." in person.get(f"/operations/{later}").text


def test_an_acceptance_is_withdrawn_and_logged(web: Web, person: Person, container: Container, place: str) -> None:
    person.post(f"{place}/resolve", key="invoice/9", action="accept", why="Paid in cash.")
    page = person.get(place)
    assert "withdraw" in forms_to(page, f"{place}/resolve")
    undone = person.post(f"{place}/resolve", key="invoice/9", action="withdraw")
    page = person.get(undone.headers["Location"])
    assert "No longer accepted." in page.text
    assert "Accepted differences" not in page.text
    assert discrepancies.acceptances(container.database, web.connection.id) == {}
    audit_log = web.as_(Role.ADMINISTRATOR).get("/audit-log", topic="reconciliation").text
    assert "No longer accepted as a difference: Invoice 1024 (Paid in cash.)" in audit_log
    again = person.post(f"{place}/resolve", key="invoice/9", action="withdraw")
    assert "Nothing was done" in person.get(again.headers["Location"]).text
    assert "withdraw" not in forms_to(web.as_(Role.VIEWER).get(place), f"{place}/resolve")


def test_a_reconciliation_is_downloaded_for_excel_as_it_was_made(
    web: Web, person: Person, container: Container
) -> None:
    number = add_reconciliation(container, web.connection, with_expenses=True)
    person.post(f"/operations/{number}/resolve", key="invoice/9", action="accept", why="Paid in cash.")
    viewer = web.as_(Role.VIEWER)
    address = f"/reconciliations/{number}/export"
    assert f'href="{address}"' in viewer.get(f"/operations/{number}").text
    response = viewer.get(address)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = f'filename="reconciliation-{number}-2026-10-01-2026-10-31.csv"'
    assert name in response.headers["Content-Disposition"]
    lines = list(csv.reader(response.content.decode("utf-8-sig").splitlines(), delimiter=";"))
    rows = {(line[0], line[1]): dict(zip(lines[0], line, strict=True)) for line in lines[1:]}
    assert rows["Reconciliation", "Company"]["Description"] == "Demo AS"
    assert rows["Reconciliation", "Reconciled by"]["Description"] == "kari@example.com"
    assert rows["Reconciliation", "Result"]["Description"] == "2 differences"
    known = rows["Accepted difference", "Invoice 1024"]
    assert (known["Reason"], known["Amount (NOK)"], known["Difference (NOK)"]) == ("Paid in cash.", "2400,00", "")
    assert known["Accepted by"].startswith("operator-")
    assert rows["Difference", "Invoice 77"]["Voucher"] == '="17/2026"'
    assert rows["Difference", "Expense F-77"]["Amount (NOK)"] == "1250,00"
    assert rows["Total", "Expense"]["24SevenOffice (NOK)"] == "1250,00"
    assert rows["Total", "Expense"]["Difference (NOK)"] == "1250,00"
    assert rows["Reconciliation", "Accepted"]["Description"] == "1"
    person.post(f"/operations/{number}/resolve", key="voucher/2026-101-17", action="accept", why="Known.")
    assert "1 difference;" in viewer.get(address).text
    asked = person.post(f"/connections/{web.connection.id}/compare", month="2026-02").headers["Location"]
    assert viewer.get(f"/reconciliations/{asked.rpartition('/')[2]}/export").status_code == 400

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from local.demo_user import eventually
from local.demo_user import expect as expect_equal
from models.schema.tables import ConnectionRow
from tests.browser.filled import PASSWORD, add_user
from tests.browser.person import Person
from tests.journeys.firm import API_KEY, Firm
from tests.journeys.running_system import RunningSystem
from worker.container import clock

CHOSEN = "Fjord Prosjekt AS"
LEDGER = "books/2"
"""Those of the client that is chosen."""


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_company_is_connected_from_nothing_and_its_first_invoice_is_in_the_ledger(
    one_system: RunningSystem, firm: Firm, sit_down: Callable[..., Person], *, script: bool
) -> None:
    project = firm.project()
    firm.enter("projectExtensions", name="Detail design", projectId=project["id"])
    person = sit_down(java_script_enabled=script)
    add_user(one_system, f"connects-{firm.company}@example.com")
    person.sign_in(f"connects-{firm.company}@example.com", PASSWORD)
    add(person.page, firm)
    fill_in(person.page, firm)
    paste_the_address(person.page, firm)
    person.page.get_by_role("button", name="Start", exact=True).click()
    expect(person.page.get_by_text("Active", exact=True)).to_be_visible()

    firm.connection = one_system.container.connections.get_by_name(firm.name)
    invoice = firm.invoice(project)
    eventually(lambda: expect_equal("vouchers", owed(firm), [f"{invoice['totalAmountInclVat']:.2f}"]))
    assert projects(firm) == ["1001-M"]
    person.page.get_by_role("link", name="View this connection's records").click()
    person.reload_until(person.page.get_by_role("row").filter(has_text="Invoice 1").filter(has_text="Synced"))
    leave_client(one_system, firm)


def leave_client(one_system: RunningSystem, firm: Firm) -> None:
    """Leave the client of 24SevenOffice to the next connection that is made.

    A worker that is still at this one notes its client again, unless the connection has another login by then.
    """
    one_system.container.connections.pause(firm.connection.id, "The test is over.", now=clock())
    with one_system.container.database.transaction() as session:
        row = session.get_one(ConnectionRow, firm.connection.id)
        row.settings, row.client_number = {**row.settings, "username": "nobody@example.com"}, None


def add(page: Page, firm: Firm) -> None:
    """Enter what it takes to get into both systems, and read what the test says of it."""
    page.get_by_role("link", name="Connections", exact=True).click()
    page.get_by_role("link", name="Add connection").click()
    page.get_by_label("Name", exact=True).fill(firm.name)
    page.get_by_label("Moment company id").fill(firm.company)
    page.get_by_label("API key from Moment").fill(API_KEY)
    page.get_by_label("User name").fill("many@example.com")
    page.get_by_label("Password").fill("many-password")
    page.get_by_role("button", name="Add and test").click()
    expect(page.get_by_role("heading", name="Errors")).to_be_visible()
    page.get_by_role("link", name="Back to connection").click()


def fill_in(page: Page, firm: Firm) -> None:
    """Fill in the settings of the owner's document, and have them tested."""
    page.get_by_label(CHOSEN).check()
    page.get_by_label("Client id", exact=True).fill("1001-M")
    page.get_by_label("Receivables account").fill("1500")
    page.get_by_label("Voucher number").select_option("Moment's invoice number")
    page.get_by_label("Expenses", exact=True).check()
    page.get_by_label("Expense accounts").fill("4000, 4300-4599")
    page.get_by_label("Expense activity").fill("Detail design")
    page.get_by_label("Never billable on projects").fill("3, 4")
    page.get_by_label("Expenses from").fill("2026-01-01")
    page.get_by_label("Alert recipients").fill(firm.address)
    page.get_by_label("Language").select_option("English")
    page.get_by_role("button", name="Save and test").first.click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    expect(page.get_by_text("All automated checks passed.")).to_be_visible()
    page.get_by_role("link", name="Back to connection").click()
    expect(page.get_by_label(CHOSEN)).to_be_checked()
    expect(page.get_by_label("Expense accounts")).to_have_value("4000, 4300-4599")
    expect(page.get_by_label("Password")).to_have_value("")


def paste_the_address(page: Page, firm: Firm) -> None:
    """Have the address of the webhook made, and enter it in Moment."""
    page.get_by_text("Generate webhook URL", exact=True).click()
    page.get_by_role("button", name="Generate new webhook URL").click()
    address = page.locator("#address").inner_text()
    firm.control(
        "moment", "PUT", f"webhooks/{firm.company}", dict.fromkeys(("customers", "projects", "invoices"), address)
    )
    page.get_by_role("link", name="Back to connection").click()


def owed(firm: Firm) -> list[str]:
    lines = [
        line for voucher in firm.control("twentyfour", "GET", f"{LEDGER}/vouchers") for line in voucher["lines"]
    ]
    return [str(line["amount"]) for line in lines if line["account"] == 1500]


def projects(firm: Firm) -> list[str]:
    return [each["OrderReferenceNumber"] for each in firm.control("twentyfour", "GET", f"{LEDGER}/projects")]

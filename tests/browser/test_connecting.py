"""Connecting a company from scratch, by people who have never done it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from i18n.catalog import Language, translations
from local.demo_user import eventually
from local.demo_user import expect as expect_equal
from models.schema.tables import ConnectionRow
from tests.browser.browser_user import REPORT_FOCUS, WINDOWS, Person
from tests.browser.filled_system import PASSWORD, add_user
from tests.journeys.firm import API_KEY, Firm
from tests.journeys.running_system import RunningSystem
from worker.container import clock

CHOSEN = "Fjord Prosjekt AS"
LEDGER = "books/2"
"""Those of the client that is chosen."""


VARIANTS: Mapping[str, tuple[Language, Mapping[str, Any]]] = {
    "wide, in English, by keyboard": (Language.ENGLISH, WINDOWS["light"]),
    "on a phone, in Norwegian, without JavaScript": (
        Language.NORWEGIAN,
        {**WINDOWS["phone"], "java_script_enabled": False},
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_company_is_set_up_step_by_step_and_its_first_invoice_is_in_the_ledger(
    one_system: RunningSystem, firm: Firm, sit_down: Callable[..., Person], variant: str
) -> None:
    language, window = VARIANTS[variant]
    project = firm.project()
    firm.enter("projectExtensions", name="Detail design", projectId=project["id"])
    email = f"connects-{firm.company}@example.com"
    add_user(one_system, email, language=language)
    visitor = Visitor(sit_down(**window), translations(language).gettext, by_keyboard="keyboard" in variant)
    visitor.person.sign_in(email, PASSWORD, path="/connections")
    add(visitor, firm)
    choose_client(visitor, firm)
    match(visitor)
    paste_the_address(visitor, firm)
    page, say = visitor.page, visitor.say
    expect(page.get_by_text(say("To do"), exact=True)).to_have_count(0)
    visitor.press(page.get_by_role("button", name=say("Start"), exact=True))
    expect(page.get_by_text(say("Active"), exact=True)).to_be_visible()
    expect(page.locator("#set-up")).to_have_count(0)

    firm.connection = one_system.container.connections.get_by_name(firm.name)
    invoice = firm.invoice(project)
    eventually(lambda: expect_equal("vouchers", owed(firm), [f"{invoice['totalAmountInclVat']:.2f}"]))
    assert projects(firm) == ["1001-M"]
    visitor.press(page.get_by_role("link", name=say("View this connection's records")))
    visitor.person.reload_until(page.get_by_role("row").filter(has_text=say("Synced")))
    leave_client(one_system, firm)


@dataclass(frozen=True)
class Visitor:
    """A user who reads the pages in a language, and presses buttons with the mouse or Enter."""

    person: Person
    say: Callable[[str], str]
    by_keyboard: bool

    @property
    def page(self) -> Page:
        return self.person.page

    def press(self, shown: Locator) -> None:
        if not self.by_keyboard:
            shown.click()
            return
        shown.focus()
        assert self.page.evaluate(REPORT_FOCUS)["name"], "what has the focus has no name"
        self.page.keyboard.press("Enter")

    def step(self, name: str) -> None:
        """Open a setup step, once the running test has a result."""
        expect(self.page.locator("#set-up:not([data-awaits])")).to_be_visible()
        self.press(self.page.locator("#set-up").get_by_role("link", name=self.say(name), exact=True).first)


def leave_client(one_system: RunningSystem, firm: Firm) -> None:
    """Free the 24SevenOffice client for the next connection.

    A worker that is still testing this one saves its client again, unless the connection has another login by
    then.
    """
    one_system.container.connections.pause(firm.connection.id, "The test is over.", now=clock())
    with one_system.container.database.transaction() as session:
        row = session.get_one(ConnectionRow, firm.connection.id)
        row.settings, row.client_number = {**row.settings, "username": "nobody@example.com"}, None


def add(visitor: Visitor, firm: Firm) -> None:
    """Enter the credentials for both systems."""
    page, say = visitor.page, visitor.say
    visitor.press(page.get_by_role("link", name=say("Add connection")))
    login = {"username": "many@example.com", "password": "many-password"}
    entered = {"name": firm.name, "moment_company": firm.company, "moment_api_key": API_KEY, **login}
    for name, value in entered.items():
        page.locator(f"[name={name}]").fill(value)
    visitor.press(page.get_by_role("button", name=say("Add and test")))


def choose_client(visitor: Visitor, firm: Firm) -> None:
    """Fill in the settings of the owner's document, and have them tested."""
    page, say = visitor.page, visitor.say
    visitor.step("24SevenOffice client")
    page.get_by_label(CHOSEN).check()
    page.locator("[name=entity_types][value=expense]").check()
    page.locator("[name=voucher_number]").select_option("moment")
    entered = {
        "client_id": "1001-M",
        "receivables_account": "1500",
        "expense_accounts": "4000, 4300-4599",
        "expense_activity": "Detail design",
        "not_billable_projects": "3, 4",
        "expense_from": "2026-01-01",
        "error_emails": firm.address,
    }
    for name, value in entered.items():
        page.locator(f"[name={name}]").fill(value)
    visitor.press(page.get_by_role("button", name=say("Save and test")).first)
    visitor.step("Accounts, VAT and alerts")
    expect(page.get_by_label(CHOSEN)).to_be_checked()
    expect(page.locator("[name=expense_accounts]")).to_have_value("4000, 4300-4599")
    expect(page.locator("[name=password]")).to_have_value("")
    visitor.press(page.locator(".tabs").get_by_role("link", name=say("Overview")))


def match(visitor: Visitor) -> None:
    """Preview the records of both systems, and match them."""
    page, say = visitor.page, visitor.say
    visitor.step("Existing customers and projects")
    visitor.press(page.get_by_role("button", name=say("Preview matches")))
    visitor.press(page.get_by_role("button", name=say("Match now")))
    expect(page.get_by_text(say("Matched: %(count)s.").partition("%")[0])).to_be_visible()
    visitor.press(page.get_by_role("link", name=say("Back to connection")))


def paste_the_address(visitor: Visitor, firm: Firm) -> None:
    """Generate the webhook URL, and enter it in Moment."""
    page, say = visitor.page, visitor.say
    visitor.step("Webhook URL")
    visitor.press(page.get_by_role("button", name=say("Generate new webhook URL")))
    address = page.locator("#address").inner_text()
    firm.control(
        "moment", "PUT", f"webhooks/{firm.company}", dict.fromkeys(("customers", "projects", "invoices"), address)
    )
    visitor.press(page.get_by_role("link", name=say("Back to connection")))


def owed(firm: Firm) -> list[str]:
    lines = [
        line for voucher in firm.control("twentyfour", "GET", f"{LEDGER}/vouchers") for line in voucher["lines"]
    ]
    return [str(line["amount"]) for line in lines if line["account"] == 1500]


def projects(firm: Firm) -> list[str]:
    return [each["OrderReferenceNumber"] for each in firm.control("twentyfour", "GET", f"{LEDGER}/projects")]

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.filled import PASSWORD, add_user
from tests.browser.person import Person
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_failed_invoice_says_why_and_is_posted_once_corrected_and_tried_again(
    one_system: RunningSystem, firm: Firm, sit_down: Callable[..., Person], *, script: bool
) -> None:
    firm.connect()
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    invoice = firm.invoice(firm.project(), invoiceDate=f"{locked}-06-30")
    person = sit_down(java_script_enabled=script)
    add_user(one_system, f"mends-{firm.company}@example.com")
    person.sign_in(f"mends-{firm.company}@example.com", PASSWORD, path=f"/records?company=Firm+{firm.company}")
    page = person.page
    person.reload_until(page.get_by_role("row").filter(has_text="Needs attention"))

    page.get_by_role("link", name=f"Invoice {invoice['invoiceNumber']}").click()
    expect(page.get_by_text(f"30.06.{locked}").first).to_be_visible()
    expect(page.get_by_text("What to do", exact=True)).to_be_visible()
    page.get_by_text("GET invoices").first.click()
    expect(page.locator("pre").first).to_contain_text(f'"id": {invoice["id"]}')
    expect(page.locator("pre").first).to_be_visible()
    page.get_by_role("link", name="The fiscal year isn't open").click()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.go_back()

    firm.control("twentyfour", "PUT", f"books/{firm.client}/years/{locked}", {"locked": False})
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_contain_text("Retrying 1 record.")
    firm.expect_vouchers([invoice])
    person.reload_until(page.get_by_text("Synced", exact=True))
    expect(page.get_by_role("listitem").filter(has_text="Synced")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Voucher 1"))).to_be_visible()


def test_many_are_closed_at_once_after_a_question_and_opened_again(
    one_system: RunningSystem, firm: Firm, sit_down: Callable[..., Person]
) -> None:
    firm.connect()
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    project = firm.project()
    for _ in range(3):
        firm.invoice(project, invoiceDate=f"{locked}-06-30")
    person = sit_down()
    add_user(one_system, f"closes-{firm.company}@example.com")
    stuck = f"/records?company=Firm+{firm.company}&state=needs_attention"
    person.sign_in(f"closes-{firm.company}@example.com", PASSWORD, path=stuck)
    page = person.page
    person.reload_until(page.get_by_role("checkbox", name=re.compile("Invoice")).nth(2))

    page.get_by_role("checkbox", name="Select all on this page").check()
    page.get_by_role("button", name="Skip permanently").click()
    expect(page.get_by_role("main")).to_contain_text("3 records will be skipped permanently")
    page.get_by_role("main").get_by_role("button", name="Skip permanently").click()
    expect(page.get_by_role("status")).to_contain_text("3 records permanently skipped")
    assert firm.records("vouchers") == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("3 records reopened.")
    expect(page.get_by_role("checkbox", name=re.compile("Invoice"))).to_have_count(3)

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.browser_user import Person
from tests.browser.filled_system import PASSWORD, add_user
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem


def test_the_keyboard_is_enough_from_signing_in_to_retrying_a_job(
    one_system: RunningSystem, firm: Firm, sit_down: Callable[..., Person]
) -> None:
    firm.connect()
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    invoice = firm.invoice(firm.project(), invoiceDate=f"{locked}-06-30")
    title = f"Invoice {invoice['invoiceNumber']}"
    email = f"types-{firm.company}@example.com"
    add_user(one_system, email)
    person = sit_down()
    keyboard = person.page.keyboard
    person.open("/sign-in")

    person.tab_to("Email")
    keyboard.type(email)
    person.tab_to("Password")
    keyboard.type(PASSWORD)
    person.press_enter()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Overview")
    person.tab_to("Skip to content")
    keyboard.press("Enter")
    person.tab_to("Company")
    keyboard.type(firm.name)
    person.press_enter()
    expect(person.page.get_by_role("row").filter(has_text=firm.name)).to_be_visible()
    person.tab_to("Activity")
    person.press_enter()
    person.tab_to("Company")
    keyboard.type(firm.name)
    person.tab_to("Status")
    keyboard.press("ArrowDown")  # changes the choice and submits nothing: WCAG 3.2.2
    person.page.wait_for_timeout(200)
    expect(person.page.locator("#state")).to_be_focused()
    assert "state=" not in person.page.url
    keyboard.press("Home")
    person.tab_to("Apply")
    person.press_enter()
    person.reload_until(person.page.get_by_role("row").filter(has_text="Needs attention"))
    person.tab_to(title, role="checkbox")
    keyboard.press("Space")
    person.tab_to("Retry …")
    firm.control("twentyfour", "PUT", f"books/{firm.client}/years/{locked}", {"locked": False})
    person.press_enter()
    person.tab_to("Retry")
    person.press_enter()
    expect(person.page.get_by_role("status")).to_contain_text("Retrying 1 record.")
    firm.expect_vouchers([invoice])

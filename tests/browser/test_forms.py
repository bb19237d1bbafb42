"""Forms that are refused, left unsaved or long, with the keyboard."""

from collections.abc import Callable

from playwright.sync_api import Dialog, expect

from tests.browser.browser_user import Person
from tests.factories import settings
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem
from worker.container import clock


def test_a_refused_form_focuses_its_errors_and_links_to_the_fields(
    one_system: RunningSystem, firm: Firm, visit: Callable[..., Person]
) -> None:
    firm.connect()
    names = [f"Filtered {number} of {firm.company}" for number in range(11)]
    for name in names:
        own = settings(moment_company=name, username=f"{name}@example.com")
        one_system.container.connections.add(name, own, actor="test", now=clock(), started=False)
    page = visit("/users/new").page
    page.get_by_label("Show only names with").fill("filtered 7")
    expect(page.get_by_label(names[7])).to_be_visible()
    expect(page.get_by_label(names[8])).to_be_hidden()
    page.get_by_label("Email", exact=True).fill("eva@example.com")
    page.get_by_label("Send an invitation by email").uncheck()
    page.get_by_label("Temporary password").fill("short")
    page.get_by_role("button", name="Add user").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Temporary password")).to_be_focused()
    summary.get_by_role("link").last.click()
    expect(page.locator("#connections")).to_be_focused()
    for name in names:
        connection = one_system.container.connections.get_by_name(name)
        one_system.container.erase_connection(connection, actor="test")


def test_leaving_unsaved_settings_asks_first(firm: Firm, visit: Callable[..., Person]) -> None:
    firm.connect()
    person = visit(f"/connections/{firm.connection.id}/settings")
    page, asked = person.page, list[str]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Overview").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.go_back()
    page.get_by_label("Expense activity").fill("Travel")
    page.get_by_role("link", name="Overview").first.click()
    expect(page.get_by_label("Expense activity")).to_have_value("Travel")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save and test").first.click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    assert asked == ["beforeunload"]

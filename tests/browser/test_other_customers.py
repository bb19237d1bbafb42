from collections.abc import Callable

from playwright.sync_api import expect

from models.enums import Role
from tests.browser.filled import PASSWORD, add_user
from tests.browser.person import Person
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem


def test_the_bookkeeper_of_another_customer_sees_nothing_of_it(
    one_system: RunningSystem, firm: Firm, new_firm: Callable[[], Firm], sit_down: Callable[..., Person]
) -> None:
    firm.connect()
    invoice = firm.invoice(firm.project())
    firm.expect_vouchers([invoice])
    other = new_firm()
    other.connect()
    anne, ola = sit_down(), sit_down()
    add_user(one_system, f"sees-{firm.company}@example.com")
    add_user(
        one_system, f"other-{firm.company}@example.com", role=Role.OPERATOR, connections={other.connection.id}
    )
    anne.sign_in(f"sees-{firm.company}@example.com", PASSWORD, path=f"/records?company=Firm+{firm.company}")
    ola.sign_in(f"other-{firm.company}@example.com", PASSWORD)

    change = anne.page.get_by_role("link", name=f"Invoice {invoice['invoiceNumber']}").get_attribute("href")
    assert change
    for address in (change, f"/connections/{firm.connection.id}"):
        assert (anne.open(address).status, ola.open(address).status) == (200, 404)
        expect(ola.page.get_by_role("heading", level=1)).to_have_text("Page not found")
    lists = ("/", "/connections", "/records", "/expenses", "/email-log", "/audit-log")
    searches = (
        f"/records?text=Nordlys+{firm.company}",
        f"/records?company=Firm+{firm.company}",
        "/records?text=Invoice",
    )
    for address in (*lists, *searches):
        assert ola.open(address).ok
        expect(ola.page.get_by_role("main")).not_to_contain_text(firm.company)
    assert ola.open("/users").status == 404

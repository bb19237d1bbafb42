from collections.abc import Callable

from playwright.sync_api import expect

from models.enums import Role
from tests.browser.browser_user import Person
from tests.journeys.firm import Firm


def test_the_bookkeeper_of_another_customer_sees_nothing_of_it(
    firm: Firm, new_firm: Callable[[], Firm], visit: Callable[..., Person]
) -> None:
    firm.connect()
    invoice = firm.invoice(firm.project())
    firm.expect_vouchers([invoice])
    other = new_firm()
    other.connect()
    anne = visit(f"/records?company=Firm+{firm.company}")
    ola = visit(role=Role.OPERATOR, connections={other.connection.id})

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

import re
from collections.abc import Callable

from playwright.sync_api import expect

from i18n.catalog import translations
from tests.browser.browser_user import Person, Variant, in_both_variants
from tests.journeys.firm import Firm


@in_both_variants
def test_a_mail_leads_to_a_refused_invoice_which_is_posted_once_corrected(
    firm: Firm, visit: Callable[..., Person], variant: Variant
) -> None:
    say = translations(variant.language).gettext
    firm.connect(language=variant.language)
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    invoice = firm.invoice(firm.project(), invoiceDate=f"{locked}-06-30")
    (mail,) = firm.expect_mails(1)
    link = re.search(r"http\S+(/records/\d+)", mail["text"])
    assert link
    person = visit(link[1], variant=variant)
    page = person.page

    expect(page.get_by_role("heading", level=1)).to_contain_text(str(invoice["invoiceNumber"]))
    expect(page.get_by_text(say("What to do"), exact=True)).to_be_visible()
    page.get_by_text("GET invoices").first.click()
    expect(page.locator("pre").first).to_contain_text(f'"id": {invoice["id"]}')
    expect(page.locator("pre").first).to_be_visible()
    page.get_by_role("link", name=say("The fiscal year isn't open")).click()
    expect(page.get_by_role("heading", name=say("What to do"))).to_be_visible()
    page.go_back()

    firm.control("twentyfour", "PUT", f"books/{firm.client}/years/{locked}", {"locked": False})
    page.get_by_role("button", name=say("Retry")).click()
    expect(page.get_by_role("status")).to_be_visible()
    firm.expect_vouchers([invoice])
    person.reload_until(page.get_by_text(say("Synced"), exact=True))
    expect(page.get_by_role("listitem").filter(has_text=say("Synced"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(f"{say('Voucher')} 1"))).to_be_visible()
    expect(page.get_by_text(say("What to do"), exact=True)).to_have_count(0)


def test_many_jobs_are_closed_after_confirmation_and_reopened(firm: Firm, visit: Callable[..., Person]) -> None:
    firm.connect()
    locked = next(year["year"] for year in firm.records("years") if year["locked"])
    project = firm.project()
    for _ in range(3):
        firm.invoice(project, invoiceDate=f"{locked}-06-30")
    person = visit(f"/records?company=Firm+{firm.company}&state=needs_attention")
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

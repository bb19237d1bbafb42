import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

from playwright.sync_api import expect

from i18n.catalog import Language
from models.enums import Role
from tests.browser.browser_user import Person, Variant, in_both_variants
from tests.journeys.firm import Firm

WORDS = {
    Language.ENGLISH: {
        "month": "Month",
        "reconcile": "Reconcile",
        "found": "Differences found",
        "accept": "Mark as accepted",
        "reason": "Reason",
        "agree": "Reconciled – no differences",
        "undo": "Undo",
        "excel": "for Excel",
        "accepted": "Accepted difference",
    },
    Language.NORWEGIAN: {
        "month": "Måned",
        "reconcile": "Avstem",
        "found": "Det er avvik",
        "accept": "Merk som kjent avvik",
        "reason": "Årsak",
        "agree": "Avstemt – ingen avvik",
        "undo": "Angre",
        "excel": "for Excel",
        "accepted": "Kjent avvik",
    },
}


@in_both_variants
def test_a_month_is_closed_with_a_known_difference_and_downloaded(
    firm: Firm, visit: Callable[..., Person], tmp_path: Path, variant: Variant
) -> None:
    firm.connect()
    invoice = firm.invoice(firm.project())
    firm.expect_vouchers([invoice])
    number, words = invoice["invoiceNumber"], WORDS[variant.language]
    (voucher,) = firm.records("vouchers")
    hidden = {"lines": [{"id": line["id"], "hidden": True} for line in voucher["lines"]]}
    firm.control("twentyfour", "PATCH", f"books/{firm.client}/vouchers/{voucher['number']}?type=11", hidden)
    person = visit(f"/connections/{firm.connection.id}/reconciliation", variant=variant, role=Role.OPERATOR)
    page = person.page

    page.get_by_label(words["month"], exact=True).fill(invoice["invoiceDate"][:7])
    page.get_by_role("button", name=words["reconcile"]).click()
    person.reload_until(page.get_by_text(words["found"]))
    page.get_by_text(words["accept"]).first.click()
    page.get_by_label(words["reason"]).fill("Tap på krav")
    page.get_by_role("button", name=words["accept"]).click()
    expect(page.get_by_text(words["agree"])).to_be_visible()
    page.get_by_role("button", name=words["undo"]).click()
    expect(page.get_by_text(words["found"])).to_be_visible()
    page.get_by_text(words["accept"]).first.click()
    page.get_by_label(words["reason"]).fill("Tap på krav")
    page.get_by_role("button", name=words["accept"]).click()
    expect(page.get_by_text(words["agree"])).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("link", name=words["excel"]).click()
    kept = tmp_path / "kept.csv"
    download.value.save_as(kept)
    rows = list(csv.reader(kept.read_text("utf-8-sig").splitlines(), delimiter=";"))
    (known,) = [row for row in rows if row[0] == words["accepted"]]
    assert (str(number) in known[1], known[-3], known[-2]) == (True, "Tap på krav", person.email)
    assert f"-{date.fromisoformat(invoice['invoiceDate'][:10]):%Y-%m}-01-" in download.value.suggested_filename
    page.emulate_media(media="print")
    expect(page.get_by_text(words["agree"])).to_be_visible()
    expect(page.get_by_role("button", name=words["undo"])).to_be_hidden()

"""What a voucher says about its invoice, and accounts on which it may not be booked as it is."""

from decimal import Decimal
from typing import Any

from models.enums import EntityType, Outcome
from tests import factories
from tests.sync.conftest import SyncHarness


def sync(harness: SyncHarness, **values: Any) -> None:
    for record in (factories.customer("7"), factories.project("8"), factories.invoice("9", **values)):
        harness.moment.put(record)
    harness.sync(EntityType.INVOICE, "9")


def test_the_comment_on_the_receivable_is_in_the_language_of_the_connection(harness: SyncHarness) -> None:
    harness.change_settings(language="nb")
    sync(
        harness,
        amounts=("-1.00",),
        credit_note=True,
        credited=7,
        your_reference="Kari",
        currency="EUR",
        rate=Decimal(9),
    )
    assert harness.erp.vouchers[2026, 1].comment == (
        "Moment: Kreditnota 1 EUR -1,00 til kurs 9. Krediterer faktura 7. Kundens re"
    )


def test_a_long_description_is_cut_off_where_the_comment_has_no_more_room(harness: SyncHarness) -> None:
    sync(harness, description="Æ" * 400)
    comment = harness.erp.vouchers[2026, 1].comment
    assert len(comment) == 75
    assert comment.endswith("Æ https://moment.example/invoices/9")
    assert comment.startswith("Moment: Invoice 1 ÆÆ")


def test_a_comment_keeps_within_the_units_that_24sevenoffice_counts(harness: SyncHarness) -> None:
    sync(harness, description="🎉" * 60)
    comment = harness.erp.vouchers[2026, 1].comment
    assert len(comment.encode("utf-16-le")) // 2 <= 75
    assert comment.endswith(" https://moment.example/invoices/9")


def test_a_line_whose_vat_rate_differs_from_its_code_is_refused_until_corrected(
    harness: SyncHarness,
) -> None:
    sync(harness, lines=(factories.line("1150.00", vat=15),))
    job = harness.job(EntityType.INVOICE, "9")
    assert (job.outcome, job.error_code) == (Outcome.FAILED, "vat_rate")
    assert harness.mails() == [("needs_attention", "Invoice 1")]
    harness.erp.chart[3000] = "31"
    harness.retry(EntityType.INVOICE, "9")
    harness.run()
    assert harness.erp.vouchers[2026, 1].entries[1].tax_code == "31"

"""Invoices whose VAT is off its rate by rounding, against the sandbox: the charged VAT is the posted VAT."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from models.enums import EntityType, JobState
from models.inbox import vat_checks
from models.inbox.vat_checks import VatStatus
from sync.records import InvoiceLine
from tests import factories
from tests.contracts.stage_twentyfour import TwentyFourSandbox, serving_twentyfour
from tests.sync.conftest import SyncHarness

EUR: dict[str, Any] = {"currency": "EUR", "rate": Decimal("11.7455")}


def line(net: str, gross: str) -> InvoiceLine:
    return InvoiceLine(Decimal(gross), 3000, vat=Decimal(25), net=Decimal(net))


FIVE_LINES: dict[str, Any] = {"lines": (line("10.02", "12.53"),) * 5}
"""Lines that are each rounded, and a total that is their sum: 2.5 øre more VAT than 25 % of it."""

INVOICES = [
    ({**EUR, "lines": (line("1000.01", "1250.01"),)}, [1468199, -1174561, -293638]),
    ({**EUR, "lines": (line("999.98", "1249.98"),)}, [1468164, -1174526, -293638]),
    ({**EUR, "lines": (line("1234.56", "1543.20"),)}, [1812566, -1450053, -362513]),
    ({**EUR, "lines": (line("845.50", "1056.88"),)}, [1241358, -993082, -248276]),
    ({**EUR, "lines": (line("100.01", "125.01"),)}, [146830, -117466, -29364]),
    (FIVE_LINES, [6265, -5010, -1255]),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_twentyfour() as url:
        yield url


@pytest.fixture
def twentyfour_sandbox(url: str, redis_url: str) -> Iterator[TwentyFourSandbox]:
    with TwentyFourSandbox.fresh(url, redis_url) as twentyfour_sandbox:
        yield twentyfour_sandbox


@pytest.fixture
def harness(harness: SyncHarness, twentyfour_sandbox: TwentyFourSandbox) -> SyncHarness:
    """The harness with the sandbox as 24SevenOffice."""
    harness.erp = twentyfour_sandbox.gateway(voucher_vat="net")  # type: ignore[assignment]  # the real gateway in place of the fake
    harness.moment.put(factories.customer("7"), factories.project("8"))
    return harness


def sync(harness: SyncHarness, *invoices: dict[str, Any]) -> None:
    numbers = range(1, len(invoices) + 1)
    for number, values in zip(numbers, invoices, strict=True):
        harness.moment.put(factories.invoice(str(number), number=number, **values))
    harness.sync(EntityType.INVOICE, *map(str, numbers))


def held(twentyfour_sandbox: TwentyFourSandbox) -> list[list[int]]:
    return [
        [int(Decimal(each["amount"]) * 100) for each in it["lines"]]
        for it in twentyfour_sandbox.records("vouchers")
    ]


def paused(harness: SyncHarness) -> str:
    return harness.connections.get(harness.connection.id).paused_because


def test_vat_off_its_rate_by_rounding_is_posted_as_charged(
    harness: SyncHarness, twentyfour_sandbox: TwentyFourSandbox
) -> None:
    harness.prove_vat()
    sync(harness, *(invoice for invoice, _ in INVOICES))
    assert held(twentyfour_sandbox) == [amounts for _, amounts in INVOICES]


@pytest.mark.parametrize(("invoice", "amounts"), INVOICES[-2:])
def test_rounded_vat_is_read_back_as_right_from_the_first_voucher(
    harness: SyncHarness, twentyfour_sandbox: TwentyFourSandbox, invoice: dict[str, Any], amounts: list[int]
) -> None:
    sync(harness, invoice)
    assert (held(twentyfour_sandbox), paused(harness)) == ([amounts], "")
    [check] = vat_checks.find(harness.database, harness.connection.id, "net")
    assert (check.vat_code, check.status) == ("3", VatStatus.RIGHT)


@pytest.mark.parametrize("is_proven", [False, True])
def test_if_vat_is_compared_exactly_only_the_rounded_invoice_needs_attention(
    harness: SyncHarness,
    twentyfour_sandbox: TwentyFourSandbox,
    is_proven: bool,  # noqa: FBT001 - a case
) -> None:
    if is_proven:
        harness.prove_vat()
    twentyfour_sandbox.control("PUT", "/books/1/vat", {"exact_vat": True})
    sync(harness, FIVE_LINES, {"lines": (line("100", "125"),)}, INVOICES[0][0])
    rounded, exact, foreign = (harness.job(EntityType.INVOICE, number) for number in ("1", "2", "3"))
    assert (exact.state, held(twentyfour_sandbox), paused(harness)) == (
        JobState.DONE,
        [[12500, -10000, -2500]],
        "",
    )
    for job in (rounded, foreign):
        assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "vat_rounding")
    assert rounded.message == (
        "24SevenOffice doesn't accept the VAT of invoice 1. With VAT code 3 it is 12,55 kroner, which is 3 øre "
        "off the rate through rounding."
    )
    assert rounded.remedy.startswith(
        "Post the invoice manually with the VAT shown on it, and mark it as resolved."
    )
    assert "2 936,38 kroner, which is 2 øre off" in foreign.message


def test_vat_that_is_missing_still_pauses_however_the_amounts_are_rounded(
    harness: SyncHarness, twentyfour_sandbox: TwentyFourSandbox
) -> None:
    harness.change_settings(voucher_vat="gross")
    harness.erp = twentyfour_sandbox.gateway(voucher_vat="gross")  # type: ignore[assignment]  # the real gateway in place of the fake
    sync(harness, FIVE_LINES, {"lines": (line("100", "125"),)})
    assert (held(twentyfour_sandbox), harness.job(EntityType.INVOICE, "1").error_code) == ([], "vat_not_balanced")
    assert paused(harness)


def test_another_rate_than_the_ledgers_still_pauses(
    harness: SyncHarness, twentyfour_sandbox: TwentyFourSandbox
) -> None:
    harness.change_settings(check_vat=False)
    sync(harness, {"lines": (InvoiceLine(Decimal(115), 3000, vat=Decimal(15), net=Decimal(100)),)})
    assert (held(twentyfour_sandbox), harness.job(EntityType.INVOICE, "1").error_code) == ([], "vat_not_balanced")
    assert paused(harness)

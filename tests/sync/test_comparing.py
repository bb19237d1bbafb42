"""How many calls a comparison takes, and what it makes of records that do not travel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from models.words import Kind
from sync.comparing import compare
from sync.differences import Difference, Report, Standing
from sync.vouchers import voucher_of
from tests import factories
from tests.fakes import CHART

if TYPE_CHECKING:
    from sync.records import Invoice
    from tests.sync.conftest import World

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def compared(world: World) -> Report:
    world.change_settings(kinds=(Kind.INVOICE,))
    return compare(world.open_desk(world.connection, lambda: None), FIRST, LAST)


def known(world: World, count: int) -> list[Invoice]:
    """Have so many invoices in Moment, of one customer and project, whose numbers Moment knows."""
    world.moment.customers["7"] = factories.customer(number="10001")
    world.moment.projects["8"] = factories.project()
    invoices = [
        factories.invoice(str(100 + n), number=n, day=FIRST + timedelta(days=n % 365)) for n in range(1, count + 1)
    ]
    world.moment.invoices = {each.id: each for each in invoices}
    return invoices


def post(world: World, *invoices: Invoice) -> None:
    for each in invoices:
        voucher = voucher_of(
            each,
            customer_number=10001,
            project_number=lambda _: 1,
            tax_codes=CHART,
            settings=factories.settings(),
            comment="",
        )
        world.erp.vouchers[each.day.year, voucher.number] = voucher


def test_five_thousand_invoices_are_compared_in_a_few_calls(world: World) -> None:
    invoices = known(world, 5000)
    post(world, *invoices)
    report = compared(world)
    assert (report.agree, report.count("equal")) == (True, 5000)
    assert dict(world.erp.calls) == {"ledger": 1}
    assert dict(world.moment.calls) == {"invoices_of": 1, "customer": 1, "project": 1}


def test_those_that_are_missing_take_two_calls_more_however_many_they_are(world: World) -> None:
    post(world, *known(world, 5000)[:4000])
    report = compared(world)
    assert (report.count("equal"), len(report.differences)) == (4000, 1000)
    assert {each.standing for each in report.differences} == {Standing.MISSING}
    assert dict(world.erp.calls) == {"ledger": 3}


def test_a_customer_without_a_number_is_not_compared(world: World) -> None:
    post(world, *known(world, 1))
    world.moment.customers["7"] = factories.customer(number="")
    assert compared(world).agree


def test_an_invoice_that_cannot_become_a_voucher_says_why(world: World) -> None:
    (invoice,) = known(world, 1)
    world.moment.invoices[invoice.id] = replace(invoice, total=invoice.total + 1)
    (found,) = compared(world).differences
    assert (found.standing, "would not balance" in found.because) == (Standing.UNREADABLE, True)


def test_a_report_survives_being_kept_and_a_known_difference_is_set_apart_until_it_changes(world: World) -> None:
    known(world, 2)
    report = compared(world)
    assert Report.from_json(report.as_json()) == report
    first, second = report.differences
    apart = report.without({(first.key, first.fingerprint)})
    assert (apart.differences, apart.known) == ([second], [first])
    changed: Difference = replace(first, amount=first.amount + 1)
    assert not replace(report, differences=[changed]).without({(first.key, first.fingerprint)}).known

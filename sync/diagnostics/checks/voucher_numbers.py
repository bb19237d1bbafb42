"""Whether the vouchers of invoices get the numbers that they should, and are found again by them."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from i18n.messages import msg
from models.enums import EntityType
from sync.diagnostics.checks.login import not_visible
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, good, unknown
from sync.errors import MisconfiguredError, RejectedError, UnavailableError
from sync.records import ExportStatus, Invoice

LOOKBACK = (timedelta(days=35), timedelta(days=400))
"""How far back the last invoice is looked for: numbers are given in order of time, so the near past will do."""


def series(target: Target) -> Iterator[Finding]:
    """Compare the series of outgoing invoices with Moment's next invoice number, if vouchers take that (S1)."""
    years = target.erp.fiscal_years() if target.syncs(EntityType.INVOICE) else ()
    if not any(year.starts <= target.today <= year.ends for year in years):
        return  # no invoices, or no fiscal year that numbers them, which is told of where years are looked at
    try:
        here = target.erp.next_voucher_number(target.today)
    except UnavailableError as error:
        if blocks_system(error):
            raise
        yield not_visible(msg("voucher numbers"), error)
        return
    if target.settings.voucher_number == "series":
        yield good(
            msg("The next voucher gets number {number} of the series.", number=here), setting="voucher_number"
        )
        return
    try:
        last = _last_number(target)
    except MisconfiguredError:
        return  # that Moment does not show us invoices is told of where one is read
    if last is None:
        yield unknown(
            msg("The series of outgoing invoices goes on with {number}; Moment has no invoice yet.", number=here),
            msg(
                "See that Moment's first invoice gets this number too, or set the series' start number (StartNo)."
            ),
            setting="voucher_number",
            tests="S1",
        )
    else:
        yield _compared(target, here=here, there=last + 1)


def found_again(target: Target) -> Iterator[Finding]:
    """Look in the ledger for the invoice that came across last, by its number (S18)."""
    if target.last_invoice is None or target.settings.posting == "draft":
        return
    with suppress(MisconfiguredError, RejectedError):  # told of where an invoice is read
        yield from _looked_for(target, target.moment.invoice(target.last_invoice.id))


def _looked_for(target: Target, invoice: Invoice | None) -> Iterator[Finding]:
    if invoice is None or invoice.number is None or invoice.export_status is not ExportStatus.TO_TRANSFER:
        return
    lines = target.erp.posted(invoice.number, day=invoice.day)
    if any(line.customer_number and line.day == invoice.day for line in lines):
        yield good(
            msg("Invoice {number} is found in the ledger by its number, on its day.", number=invoice.number),
            tests="S12, S18",
        )
    else:
        yield unknown(
            msg(
                "Invoice {number} came across, and is not found in the ledger by its number.",
                number=invoice.number,
            ),
            msg("See whether its voucher is still there, with invoice number, customer and day."),
            tests="S12, S18",
        )


def _compared(target: Target, *, here: int, there: int) -> Finding:
    if here == there:
        what = msg("Moment's next invoice and 24SevenOffice's next voucher both get number {here}.", here=here)
        return good(what, setting="voucher_number", tests="S1")
    what = msg("Moment's next invoice gets {there}, 24SevenOffice's next voucher {here}.", there=there, here=here)
    if here > there:
        remedy = msg(
            "Moment's number is taken. Let 24SevenOffice number the vouchers, by the setting “voucher number”."
        )
        return bad(what, remedy, setting="voucher_number", tests="S1")
    if target.pending_invoices:
        on_their_way = msg(
            "Invoices on their way: {count}. Compare again when they have come across.",
            count=target.pending_invoices,
        )
        return unknown(what, on_their_way, setting="voucher_number", tests="S1")
    remedy = msg(
        "Set the start number (StartNo) of the series of outgoing invoices in 24SevenOffice to {there}.",
        there=there,
    )
    return bad(what, remedy, setting="voucher_number", tests="S1")


def _last_number(target: Target) -> int | None:
    for far in LOOKBACK:
        if last := target.moment.last_invoice_number(since=target.now - far):
            return last
    return None

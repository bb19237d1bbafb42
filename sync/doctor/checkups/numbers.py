"""Whether the vouchers of invoices get the numbers that they should, and are found again by them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind
from sync.doctor.checkups.login import hidden
from sync.doctor.findings import bad, closes, good, unknown
from sync.errors import Misconfigured, Rejected, Unavailable
from sync.records import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync.doctor.findings import Finding, Patient
    from sync.records import Invoice

LOOKS_BACK = (timedelta(days=35), timedelta(days=400))
"""How far back the last invoice is looked for: numbers are given in order of time, so the near past will do."""


def series(patient: Patient) -> Iterator[Finding]:
    """Compare the series of outgoing invoices with Moment's next invoice number, if vouchers take that (S1)."""
    years = patient.erp.fiscal_years() if patient.brings(Kind.INVOICE) else ()
    if not any(year.starts <= patient.today <= year.ends for year in years):
        return  # no invoices, or no fiscal year that numbers them, which is told of where years are looked at
    try:
        here = patient.erp.next_voucher_number(patient.today)
    except Unavailable as error:
        if closes(error):
            raise
        yield hidden(say("voucher numbers"), error)
        return
    if patient.settings.voucher_number == "series":
        yield good(
            say("The next voucher gets number {number} of the series.", number=here), setting="voucher_number"
        )
        return
    try:
        last = _last_number(patient)
    except Misconfigured:
        return  # that Moment does not show us invoices is told of where one is read
    if last is None:
        yield unknown(
            say("The series of outgoing invoices goes on with {number}; Moment has no invoice yet.", number=here),
            say(
                "See that Moment's first invoice gets this number too, or set the series' start number (StartNo)."
            ),
            setting="voucher_number",
            tests="S1",
        )
    else:
        yield _compared(patient, here=here, there=last + 1)


def found_again(patient: Patient) -> Iterator[Finding]:
    """Look in the ledger for the invoice that came across last, by its number (S18)."""
    if patient.last_invoice is None or patient.settings.posting == "draft":
        return
    with suppress(Misconfigured, Rejected):  # told of where an invoice is read
        yield from _looked_for(patient, patient.moment.invoice(patient.last_invoice.id))


def _looked_for(patient: Patient, invoice: Invoice | None) -> Iterator[Finding]:
    if invoice is None or invoice.number is None or invoice.transfer is not Transfer.WANTED:
        return
    lines = patient.erp.posted(invoice.number, day=invoice.day)
    if any(line.customer_number and line.day == invoice.day for line in lines):
        yield good(
            say("Invoice {number} is found in the ledger by its number, on its day.", number=invoice.number),
            tests="S12, S18",
        )
    else:
        yield unknown(
            say(
                "Invoice {number} came across, and is not found in the ledger by its number.",
                number=invoice.number,
            ),
            say("See whether its voucher is still there, with invoice number, customer and day."),
            tests="S12, S18",
        )


def _compared(patient: Patient, *, here: int, there: int) -> Finding:
    if here == there:
        what = say("Moment's next invoice and 24SevenOffice's next voucher both get number {here}.", here=here)
        return good(what, setting="voucher_number", tests="S1")
    what = say("Moment's next invoice gets {there}, 24SevenOffice's next voucher {here}.", there=there, here=here)
    if here > there:
        remedy = say(
            "Moment's number is taken. Let 24SevenOffice number the vouchers, by the setting “voucher number”."
        )
        return bad(what, remedy, setting="voucher_number", tests="S1")
    if patient.invoices_waiting:
        on_their_way = say(
            "Invoices on their way: {count}. Compare again when they have come across.",
            count=patient.invoices_waiting,
        )
        return unknown(what, on_their_way, setting="voucher_number", tests="S1")
    remedy = say(
        "Set the start number (StartNo) of the series of outgoing invoices in 24SevenOffice to {there}.",
        there=there,
    )
    return bad(what, remedy, setting="voucher_number", tests="S1")


def _last_number(patient: Patient) -> int | None:
    for far in LOOKS_BACK:
        if last := patient.moment.last_invoice_number(since=patient.now - far):
            return last
    return None

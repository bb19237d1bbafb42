"""An invoice or credit note of Moment in our words (assumptions M1, M7 and M8)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from integrations.moment.fields import Fields
from integrations.moment.words import CREDIT_NOTE, FINALIZED, TRANSFER
from language.said import say
from sync.records import Invoice, InvoiceLine, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Chart = Callable[[str], Fields | None]

_REMEDY = say(
    "A finalized invoice cannot be corrected in Moment. Credit it and write it anew, or enter its voucher in "
    "the accounts by hand and set the invoice to “do not transfer”."
)


def is_finalized(values: Mapping[str, object]) -> bool:
    """Tell whether an invoice is past changing. A state that we do not know is not: it may still become so."""
    return values.get("invoiceState") == FINALIZED


def number_of(values: Mapping[str, object]) -> int | None:
    """Tell an invoice's number, if it has one. Raises Rejected for one that is no number."""
    return Fields(values, _REMEDY, record=values.get("id")).whole("invoiceNumber")


def translate(values: Mapping[str, object], *, account: Chart, number: Callable[[str], int | None]) -> Invoice:
    """Read an invoice as the API gives it.

    Only one that shall travel is read whole. A draft, or one that a person took out of the transfer, has no lines
    and no day of its own here, so that nothing in it can be refused.

    Args:
        values: the invoice.
        account: finds the record of a financial account by its Moment id.
        number: tells the number of another invoice by its Moment id, where it is still there.

    Raises:
        Rejected: something is missing or of a wrong kind, an account is not there, or the export status is a word
            that we do not know; posting such an invoice could post what somebody wants kept out, leaving it out
            could lose it, so a person decides.
    """
    fields = Fields(values, _REMEDY, record=values.get("id"))
    finalized = is_finalized(values)
    # An invoice that says nothing of its transfer is one that nobody has transferred or taken out.
    transfer = fields.word("exportState", TRANSFER, missing=Transfer.WANTED)
    if finalized and transfer is Transfer.WANTED:
        return _whole(fields, account, number)
    return Invoice(
        id=fields.given(fields.key, "id"),
        number=fields.whole("invoiceNumber"),
        day=date.min,
        due=None,
        total=Decimal(0),
        lines=(),
        customer_id=fields.key("customerId"),
        finalized=finalized,
        transfer=transfer,
    )


def _whole(fields: Fields, account: Chart, number: Callable[[str], int | None]) -> Invoice:
    credited = fields.key("creditedInvoiceId")
    return Invoice(
        id=fields.given(fields.key, "id"),
        number=fields.given(fields.whole, "invoiceNumber"),
        day=fields.given(fields.day, "invoiceDate"),
        due=fields.day("dueDate"),
        total=fields.given(fields.money, "totalAmountInclVat"),
        lines=tuple(_lines(fields, account)),
        customer_id=fields.given(fields.key, "customerId"),
        project_id=fields.key("projectId"),
        credit_note=fields.word("invoiceType", CREDIT_NOTE, missing=False),
        kid=fields.text("kid"),
        currency=fields.text("currencyCode") or "NOK",
        rate=fields.number("currencyRate"),
        description=fields.text("description"),
        your_reference=fields.text("yourReference"),
        credited=number(credited) if credited else None,
    )


def _lines(fields: Fields, account: Chart) -> Iterator[InvoiceLine]:
    for row in fields.lines("invoiceLines"):
        amount = row.given(row.money, "amountInclVat")
        if amount:  # a line of text moves no money and names no account
            yield _line(row, amount, account)


def _line(row: Fields, amount: Decimal, account: Chart) -> InvoiceLine:
    account_id = row.given(row.key, "financialAccountId")
    booked_on = account(account_id)
    if booked_on is None:
        raise row.refused(say("Financial account {id} is not in Moment", id=account_id))
    return InvoiceLine(
        amount=amount,
        account=booked_on.given(booked_on.whole, "accountNumber"),
        tax_code=booked_on.text("externalTaxCode"),
        project_id=row.key("projectId"),
        account_id=account_id,
        vat=row.number("vatPercentage"),
    )

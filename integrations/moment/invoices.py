"""Invoices and credit notes of Moment as our records (assumptions M1, M7, M8, M22), with the accounts of lines."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from i18n.messages import msg
from integrations.moment.field_labels import CREDIT_NOTE, EXPORT_STATUSES, FINALIZED
from integrations.moment.fields import Fields, record_id
from sync.errors import RejectedError
from sync.money import NOK
from sync.records import ExportStatus, Invoice, InvoiceLine

Chart = Callable[[str], Fields | None]

T = TypeVar("T")

MAX_DAYS_AHEAD = timedelta(days=366)
"""The furthest ahead that an invoice may be dated, counted from its last change."""

MAX_DIGITS = 18
"""Maximum digits of an amount before the decimal point."""

_REMEDY = msg(
    "A finalized invoice can't be corrected in Moment. Credit it and create a new one, or post its voucher "
    "manually and set the invoice to “do not transfer”."
)
_ACCOUNT_REMEDY = msg("Correct the financial account in Moment, then retry.")


def is_finalized(values: Mapping[str, object]) -> bool:
    """Return whether an invoice is finalized, or may be as Moment left out its state (M22)."""
    return values.get("invoiceState", FINALIZED) == FINALIZED


def number_of(values: Mapping[str, object]) -> int | None:
    """Return an invoice's number, if it has one. Raises RejectedError for an invalid one."""
    return Fields(values, _REMEDY, record=values.get("id")).whole("invoiceNumber")


def translate(values: Mapping[str, object], *, account: Chart, number: Callable[[str], int | None]) -> Invoice:
    """Read an invoice, whole only if it is to be synced: otherwise without lines, and whatever is readable.

    ``account`` returns a financial account by its Moment id, ``number`` the number of another invoice. Raises
    RejectedError, with the readable fields, if a field is invalid or an account missing. The state, and the export
    status of a finalized invoice, must be known: otherwise it could be posted against a person's will, or lost.
    """
    fields = Fields(values, _REMEDY, record=values.get("id"))
    try:
        finalized = fields.present(fields.text, "invoiceState") == FINALIZED
        transfer = _export_status(fields, finalized=finalized)
        if finalized and transfer is ExportStatus.TO_TRANSFER:
            return _whole(fields, account, number)
        return replace(
            _readable(values),
            id=fields.required(fields.key, "id"),
            number=fields.whole("invoiceNumber"),
            customer_id=fields.key("customerId"),
            finalized=finalized,
            export_status=transfer,
        )
    except RejectedError as refusal:
        raise refusal.replace(invoice=_readable(values)) from refusal


def keep_dated(rows: Iterable[Mapping[str, object]], *, first: date, last: date) -> Iterator[Mapping[str, object]]:
    """Yield the finalized invoices of these days or without a readable date, each once in a changing list."""
    seen = set()
    for values in rows:
        invoice_id = record_id(values.get("id"))
        if invoice_id and invoice_id not in seen and is_finalized(values):
            seen.add(invoice_id)
            if first <= (_read_or_none(Fields.day, values, "invoiceDate") or first) <= last:
                yield values


def translate_listed(values: Mapping[str, object], *, account: Chart) -> Invoice:
    """Read a finalized invoice whole, or as ``unreadable``; without the credited one, which takes a call."""
    fields = Fields(values, _REMEDY, record=values.get("id"))
    try:
        fields.present(fields.text, "invoiceState")
        whole = _whole(fields, account, lambda _: None)
        return replace(whole, export_status=_export_status(fields, finalized=True))
    except RejectedError as refusal:
        return replace(_readable(values), unreadable=refusal.message)


def _readable(values: Mapping[str, object]) -> Invoice:
    """Read the readable fields of an invoice, without lines; an unreadable date becomes ``date.min``."""
    return Invoice(
        id=record_id(values.get("id")),
        number=_read_or_none(Fields.whole, values, "invoiceNumber"),
        day=_read_or_none(Fields.day, values, "invoiceDate") or date.min,
        due=_read_or_none(Fields.day, values, "dueDate"),
        total=_read_or_none(Fields.money, values, "totalAmountInclVat") or Decimal(0),
        lines=(),
        customer_id=_read_or_none(Fields.key, values, "customerId") or "",
        export_status=EXPORT_STATUSES.get(str(values.get("exportState")), ExportStatus.TO_TRANSFER),
        currency=(_read_or_none(Fields.text, values, "currencyCode") or NOK).upper(),
    )


def _read_or_none(read: Callable[[Fields, str], T | None], values: Mapping[str, object], name: str) -> T | None:
    try:
        return read(Fields(values, _REMEDY, record=values.get("id")), name)
    except RejectedError:
        return None


def _whole(fields: Fields, account: Chart, number: Callable[[str], int | None]) -> Invoice:
    credited = fields.key("creditedInvoiceId")
    return Invoice(
        id=fields.required(fields.key, "id"),
        number=fields.required(fields.whole, "invoiceNumber"),
        day=fields.required(fields.day, "invoiceDate"),
        due=fields.day("dueDate"),
        total=fields.required(fields.money, "totalAmountInclVat"),
        lines=tuple(_lines(fields, account)),
        customer_id=fields.required(fields.key, "customerId"),
        project_id=fields.key("projectId"),
        credit_note=fields.enum_value("invoiceType", CREDIT_NOTE, missing=False),
        kid=fields.text("kid").replace(" ", ""),  # people write it in groups; banks do not
        currency=_currency(fields),
        rate=fields.number("currencyRate"),
        description=fields.text("description"),
        your_reference=fields.text("yourReference"),
        credited=number(credited) if credited else None,
    )


def _export_status(fields: Fields, *, finalized: bool) -> ExportStatus:
    """Read the export status; if it is empty, the invoice was neither transferred nor excluded."""
    read = partial(fields.enum_value, table=EXPORT_STATUSES, missing=ExportStatus.TO_TRANSFER)
    return fields.present(read, "exportState") if finalized else read("exportState")


def _currency(fields: Fields) -> str:
    """Read the currency; an empty one means kroner, unless there is a rate."""
    code = fields.present(fields.text, "currencyCode").upper()
    if not code and fields.number("currencyRate") not in {None, 0, 1}:
        raise fields.missing("currencyCode")
    return code or NOK


def _lines(fields: Fields, account: Chart) -> Iterator[InvoiceLine]:
    for row in fields.lines("invoiceLines"):
        amount = row.required(row.money, "amountInclVat")
        if not amount:
            continue  # a text line has no amount and no account
        account_id = row.required(row.key, "financialAccountId")
        account_fields = account(account_id)
        if account_fields is None:
            raise row.refused(msg("Financial account {id} doesn't exist in Moment", id=account_id))
        yield InvoiceLine(
            amount=amount,
            account=account_fields.required(account_fields.whole, "accountNumber"),
            tax_code=account_fields.text("externalTaxCode"),
            project_id=row.key("projectId"),
            account_id=account_id,
            vat=row.number("vatPercentage"),
            net=_net(row.values.get("amountExclVat")),
        )


def _net(value: object) -> Decimal | None:
    """Read a line's amount without VAT, if Moment returns it to the øre; no invoice is rejected because of it."""
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return None
    net = Decimal(value)
    return net if net.is_finite() and net.adjusted() < MAX_DIGITS and net == round(net, 2) else None


def chart(rows: Iterable[Mapping[str, object]]) -> dict[str, Fields]:
    """Return the financial accounts by id, as two may share a number."""
    return {record_id(values.get("id")): _account(values) for values in rows}


def account_codes(rows: Iterable[Mapping[str, object]]) -> dict[int, str]:
    """Return the VAT codes of accounts that have a number, empty if they have none (M13). Raises RejectedError."""
    found = map(_account, rows)
    return {number: each.text("externalTaxCode") for each in found if (number := each.whole("accountNumber"))}


def account_numbers(rows: Iterable[Mapping[str, object]]) -> dict[str, int]:
    """Return the ids of accounts with their numbers. Leaves out accounts and raises as :func:`account_codes`."""
    found = chart(rows).items()
    return {account_id: number for account_id, each in found if (number := each.whole("accountNumber"))}


def _account(values: Mapping[str, object]) -> Fields:
    return Fields(values, _ACCOUNT_REMEDY, record=values.get("id"), part=msg("financial account"))

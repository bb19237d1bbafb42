"""The Account service: the chart of accounts, VAT codes, types and series of vouchers, and saving vouchers."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

from sandbox.twentyfour.bookkeeping_rules import Leniency, RefusedError, enter, split_vat
from sandbox.twentyfour.dates import day
from sandbox.twentyfour.sessions import ServiceCall, required
from sandbox.twentyfour.state import Fields, Line, Voucher, VoucherType

UNKNOWN_SERIES, NO_FISCAL_YEAR = -1, -100
TO_A_JOURNAL = 1


def save_bundle_list(call: ServiceCall, request: Fields) -> Fields:
    """Save vouchers to the ledger or to a journal: all of the call, or none.

    In the ledger, lines are saved as sent, with a warning for a VAT code without VAT lines, unless the client
    splits VAT off. In a journal, VAT is split off unless BundleDirectAccounting forbids it.
    """
    bundles = required(request, "BundleList")
    leniency = Leniency(
        vat=_to_journal(bundles) or call.client.splits_vat,
        difference=bundles.get("AllowDifference", False) and _to_journal(bundles),
        direct_ledger=bundles.get("DirectLedger", False),
        warnings=bundles.get("IgnoreWarnings", []),
    )
    try:
        enter(call.client, list(_vouchers(call, bundles)), leniency=leniency)
    except RefusedError as refusal:
        return {"Type": refusal.type, "Description": str(refusal)}
    return {"Type": "Ok"}


def _to_journal(bundles: Fields) -> bool:
    return bool(bundles.get("SaveOption", TO_A_JOURNAL) == TO_A_JOURNAL)


def _vouchers(call: ServiceCall, bundles: Fields) -> Iterator[Voucher]:
    customer = bundles.get("DefaultCustomerId") or None
    for bundle in bundles.get("Bundles", []):
        for voucher in bundle.get("Vouchers", []):
            made = Voucher(
                number=voucher["TransactionNo"],
                year=bundle.get("YearId", 0),
                type=_type(call, voucher["Sort"] or bundle.get("Sort", 0)),
                lines=[_line(call, entry, customer) for entry in voucher.get("Entries", [])],
                posted=not _to_journal(bundles),
            )
            by_itself = not bundle.get("BundleDirectAccounting", False)
            if by_itself if _to_journal(bundles) else call.client.splits_vat:
                split_vat(call.client, made)
            yield made


def _type(call: ServiceCall, number: int) -> VoucherType:
    if number not in call.client.types:
        raise RefusedError(f"Bilagsart {number} finnes ikke.")
    return call.client.types[number]


def _line(call: ServiceCall, entry: Fields, customer: int | None) -> Line:
    return Line(
        id=str(uuid4()),
        account=entry.get("AccountNo", 0),
        amount=entry.get("Amount", Decimal()),
        day=day(entry["Date"]),
        changed=call.now,
        registered=call.now,
        due=day(entry["DueDate"]) if "DueDate" in entry else None,
        customer=entry.get("CustomerId") or customer,
        project=entry.get("ProjectId") or None,
        department=entry.get("DepartmentId") or None,
        invoice=entry.get("InvoiceReferenceNo", ""),
        ocr=entry.get("InvoiceOcr", ""),
        bank_account=entry.get("BankAccountNo", ""),
        tax=entry.get("TaxNo", ""),
        comment=entry.get("Comment", ""),
        stamp=entry.get("StampNo") or None,
        currency=entry.get("CurrencyId") or "NOK",
        rate=entry.get("CurrencyRate") or Decimal(1),
        unit=entry.get("CurrencyUnit", 1),
    )


def get_entry_id(call: ServiceCall, request: Fields) -> Fields:
    """Return the next number of the series ``SortNo`` in the fiscal year of ``Date``, without reserving it."""
    entry: Fields = required(request, "argEntryId")
    year, series = day(entry["Date"]).year, entry["SortNo"]
    if year not in call.client.years:
        number = NO_FISCAL_YEAR
    elif series not in call.client.series:
        number = UNKNOWN_SERIES
    else:
        number = call.client.next_voucher(series, year)
    return entry | {"EntryNo": number}


def get_account_list(call: ServiceCall, _request: Fields) -> list[Fields]:
    codes = call.client.tax_codes
    return [
        {
            "AccountId": 1000 + place,
            "AccountNo": account.number,
            "AccountName": account.name,
            "AccountTax": codes[account.tax].id,
            "TaxNo": int(account.tax),
        }
        for place, account in enumerate(call.client.accounts.values())
    ]


def get_type_list(call: ServiceCall, _request: Fields) -> list[Fields]:
    """List the types of vouchers; ``TypeNo`` is what a voucher is saved with, as its Sort."""
    return [
        {
            "TypeId": voucher_type.id,
            "Title": voucher_type.title,
            "EntrySeriesId": voucher_type.series,
            "TypeNo": voucher_type.number,
        }
        for voucher_type in call.client.types.values()
    ]


def get_tax_code_list(call: ServiceCall, _request: Fields) -> list[Fields]:
    return [
        {
            "TaxId": code.id,
            "TaxNo": code.number,
            "TaxName": code.name,
            "TaxRate": code.rate,
            "AccountNo": code.account,
        }
        for code in call.client.tax_codes.values()
    ]

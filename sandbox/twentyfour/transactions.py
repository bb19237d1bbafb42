"""The Transaction service: the ledger by lines. Vouchers in a journal are not part of it."""

from datetime import timedelta

from sandbox.twentyfour.dates import instant, local, midnight
from sandbox.twentyfour.sessions import Matchers, ServiceCall, matches_all, required
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Client, Fields, Line, Voucher


def get_transactions(call: ServiceCall, request: Fields) -> list[Fields]:
    wanted = required(request, "searchParams")
    if "DateStart" not in wanted or "DateEnd" not in wanted:
        raise SoapFaultError("Please specify DateStart and DateEnd")
    client = call.client
    return [
        _as_fields(client, voucher, place)
        for voucher in client.vouchers.values()
        if voucher.posted
        for place, line in enumerate(voucher.lines)
        if _is_in_period(line, wanted) and _matches(client, voucher, line, wanted)
    ]


def _is_in_period(line: Line, wanted: Fields) -> bool:
    """Compare with the entry's day at midnight, so that an end without a time of day excludes its own day."""
    if wanted.get("DateSearchParameters") == "DateChangedUTC":
        return instant(wanted["DateStart"]) <= line.changed <= instant(wanted["DateEnd"])
    return local(wanted["DateStart"]) <= midnight(line.day) < local(wanted["DateEnd"])


def _matches(client: Client, voucher: Voucher, line: Line, wanted: Fields) -> bool:
    matchers: Matchers = {
        "ShowOpenEntries": lambda value: not value or client.accounts[line.account].ledger,
        "LinkId": lambda _value: False,
        "ProjectId": lambda value: line.project == value,
        "CustomerId": lambda value: line.customer == value,
        "DepartmentId": lambda value: line.department == value,
        "AccountNoStart": lambda value: line.account >= value,
        "AccountNoEnd": lambda value: line.account <= value,
        "TransactionNoStart": lambda value: voucher.number >= value,
        "TransactionNoEnd": lambda value: voucher.number <= value,
        "TransactionTypeId": lambda value: voucher.type.id == value,
        "SystemType": lambda value: voucher.type.system_type == value,
        "RegisteredAfter": lambda value: line.registered > instant(value),
        "HasInvoiceId": lambda value: bool(line.invoice) == value,
        "InvoiceNo": lambda value: value in {"", line.invoice},
        "VatCode": lambda value: int(line.tax or 0) == value,
    }
    return matches_all(matchers, wanted)


def _as_fields(client: Client, voucher: Voucher, place: int) -> Fields:
    line = voucher.lines[place]
    return {
        "Date": midnight(line.day),
        "AccountNo": line.account,
        "Currency": line.currency,
        "CurrencyRate": line.rate,
        "CurrencyUnit": line.unit,
        "Amount": line.amount,
        "StampNo": line.stamp,
        "Period": line.day.month,
        "TransactionTypeId": voucher.type.id,
        "Comment": line.comment,
        "TransactionNo": voucher.number,
        "VatCode": int(line.tax or 0),
        "Id": line.id,
        "InvoiceNo": line.invoice,
        "SequenceNo": place + 1,
        "SystemType": voucher.type.system_type,
        "DueDate": line.due and midnight(line.due),
        "Dimensions": _dimensions(client, line),
        "RegistrationDate": line.registered,
        "DateChanged": line.changed,
        "Hidden": line.hidden,
        "Open": client.accounts[line.account].ledger,
        "OCR": line.ocr,
        "HasVatDividend": False,
        "PeriodDate": line.day.replace(day=1),
    }


def _dimensions(client: Client, line: Line) -> list[Fields]:
    named: tuple[tuple[str, int | None, dict[int, Fields]], ...] = (
        ("Project", line.project, client.projects),
        ("Customer", line.customer, client.customers),
        ("Department", line.department, {}),
    )
    return [
        {"Type": kind, "Name": records.get(number, {}).get("Name", ""), "Value": str(number)}
        for kind, number, records in named
        if number is not None
    ]


def get_fiscal_years(call: ServiceCall, _request: Fields) -> list[Fields]:
    """List the fiscal years; by the contract, ``EndingDate`` is the first day that is not in it."""
    return [
        {
            "Id": year.id,
            "StartingDate": midnight(year.starts),
            "EndingDate": midnight(year.ends + timedelta(days=1)),
            "IsLocked": year.locked,
        }
        for year in call.client.years.values()
    ]


def get_transaction_types(call: ServiceCall, _request: Fields) -> list[Fields]:
    """List the types of vouchers with this service's names."""
    return [
        {
            "Turnover": voucher_type.system_type.endswith("Customer"),
            "Title": voucher_type.title,
            "No": voucher_type.number,
            "Id": voucher_type.id,
        }
        for voucher_type in call.client.types.values()
    ]

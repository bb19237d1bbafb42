"""The data as plain JSON, in the words of the pages; tests compare the product's work with it."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.twentyfour.dates import day
from sandbox.twentyfour.state import Client, Fields, File, Line, Voucher

Row = dict[str, Any]


def customers(client: Client) -> Iterable[Row]:
    for number, company in client.customers.items():
        emails, phones = company.get("EmailAddresses", {}), company.get("PhoneNumbers", {})
        yield {
            "number": number,
            "name": company["Name"],
            "organization_number": company.get("OrganizationNumber", ""),
            "type": company["Type"],
            "external_id": company.get("ExternalId", ""),
            "country": company.get("Country", ""),
            "phones": {kind: phone["Value"] for kind, phone in phones.items() if phone.get("Value")},
            "addresses": company.get("Addresses", {}),
            "emails": {kind: email["Value"] for kind, email in emails.items() if email.get("Value")},
        }


def projects(client: Client) -> Iterable[Row]:
    """Show projects; the fields that may hold an integration's own id keep the contract's names."""
    for number, project in client.projects.items():
        yield {
            "number": number,
            "name": project["Name"],
            "customer_number": project.get("CustomerId"),
            "OrderReferenceNumber": project.get("OrderReferenceNumber", ""),
            "CustomerReference": project.get("CustomerReference", ""),
            "DepartmentId": project.get("DepartmentId"),
            "TypeId": project.get("TypeId"),
            "starts": _day(project, "DateStart"),
            "ends": _day(project, "DateStop"),
        }


def _day(project: Fields, name: str) -> str | None:
    return day(project[name]).isoformat() if name in project else None


def vouchers(client: Client) -> Iterable[Row]:
    return map(voucher, client.vouchers.values())


def voucher(shown: Voucher) -> Row:
    return {
        "number": shown.number,
        "year": shown.year,
        "type": shown.type.title,
        "posted": shown.posted,
        "lines": [_line(line) for line in shown.lines],
    }


def _line(line: Line) -> Row:
    return {
        "id": line.id,
        "account": line.account,
        "registered": line.registered.isoformat(),
        "amount": f"{line.amount:.2f}",
        "date": line.day.isoformat(),
        "due": line.due.isoformat() if line.due else None,
        "customer": line.customer,
        "project": line.project,
        "department": line.department,
        "invoice": line.invoice,
        "ocr": line.ocr,
        "tax": line.tax,
        "comment": line.comment,
        "stamp": line.stamp,
        "hidden": line.hidden,
        "currency": line.currency,
    }


def accounts(client: Client) -> Iterable[Row]:
    for account in client.accounts.values():
        yield {"number": account.number, "name": account.name, "tax": account.tax}


def years(client: Client) -> Iterable[Row]:
    for year in client.years.values():
        yield {
            "year": year.number,
            "starts": year.starts.isoformat(),
            "ends": year.ends.isoformat(),
            "locked": year.locked,
        }


def series(client: Client) -> Iterable[Row]:
    """Show the number series, with the next number of each in the existing fiscal years."""
    for one in client.series.values():
        following = {str(year): client.next_voucher(one.id, year) for year in client.years}
        yield {"id": one.id, "name": one.name, "start": one.start, "next": following}


def files(client: Client) -> Iterable[Row]:
    return map(file, client.files.values())


def file(shown: File) -> Row:
    return {
        "id": shown.id,
        "stamp": shown.stamp,
        "type": shown.type,
        "size": len(shown.content),
        "md5": shown.md5,
        "approved": shown.approved,
        "meta": shown.meta,
    }


VIEWS: dict[str, Callable[[Client], Iterable[Row]]] = {
    show.__name__: show for show in (customers, projects, vouchers, accounts, years, series, files)
}
"""The view of each type of record, by its name in a path."""

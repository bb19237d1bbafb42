"""The Company service: customers and suppliers, in one list."""

import re

from sandbox.twentyfour.dates import instant
from sandbox.twentyfour.sessions import Matchers, ServiceCall, matches_all, required
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Fields

PAGE_SIZE = 1000
MAX_LENGTHS = {"Name": 200, "OrganizationNumber": 20}


def save_companies(call: ServiceCall, request: Fields) -> list[Fields]:
    """Create or overwrite customers; a refused one has its error in its place and does not stop the others.

    A customer that comes with a free number gets it.
    """
    return [_save(call, company) for company in required(request, "companies")]


def _save(call: ServiceCall, company: Fields) -> Fields:
    client = call.client
    problem = _problem(company)
    if problem:
        return company | {"APIException": {"Type": "ArgumentException", "Message": problem}}
    number = company.get("Id") or client.new_customer()
    old = client.customers.get(number, {})
    kept = {"DateCreated": old.get("DateCreated", call.now), "Active": old.get("Active", True)}
    client.customers[number] = company | kept | {"Id": number, "DateChanged": call.now}
    return client.customers[number]


def _problem(company: Fields) -> str:
    if company.get("Type", "None") == "None":
        return "Property Type is missing."
    if not company.get("Name"):
        return "Property Name is missing."
    for name, most in MAX_LENGTHS.items():
        if len(company.get(name, "").encode("utf-16-le")) // 2 > most:  # as .NET and nvarchar count
            return f"Property {name} is longer than {most} characters."
    if company.get("FirstName") and company["Type"] != "Consumer":
        return "Property FirstName is for consumers only."
    return ""


def get_companies(call: ServiceCall, request: Fields) -> list[Fields]:
    """Return customers that match every given search parameter, with number, name and the requested fields."""
    wanted = {name: value for name, value in required(request, "searchParams").items() if value not in ("", [])}
    if not wanted:
        raise SoapFaultError("Please specify at least one search parameter")
    names = {"Id", "Name", *request.get("returnProperties", [])}
    return [
        {name: company[name] for name in names if name in company}
        for company in call.client.customers.values()
        if _matches(company, wanted)
    ]


def _matches(company: Fields, wanted: Fields) -> bool:
    emails = {email.get("Value", "") for email in company.get("EmailAddresses", {}).values()}
    phones = {phone.get("Value", "") for phone in company.get("PhoneNumbers", {}).values()}
    matchers: Matchers = {
        "ExternalId": lambda value: company.get("ExternalId") == value,
        "CompanyId": lambda value: company["Id"] == value,
        "CompanyIds": lambda value: company["Id"] in value,
        "CompanyName": lambda value: _matches_name(value, company["Name"]),
        "ChangedAfter": lambda value: company["DateChanged"] > instant(value),
        "CompanyEmail": lambda value: value in emails,
        "CompanyPhone": lambda value: value in phones,
        "OrganizationNumber": lambda value: company.get("OrganizationNumber") == value,
    }
    return matches_all(matchers, wanted)


def _matches_name(pattern: str, name: str) -> bool:
    """Compare names, ignoring case; ``%`` stands for any text."""
    parts = ".*".join(map(re.escape, pattern.split("%")))
    return re.fullmatch(parts, name, re.IGNORECASE | re.DOTALL) is not None


def get_company_sync_list(call: ServiceCall, request: Fields) -> Fields:
    """Return a page of all matching customers and suppliers, with little more than when each last changed."""
    wanted = request.get("syncSearchParameters", {})
    found = [company for company in call.client.customers.values() if _is_listed(company, wanted)]
    page = wanted.get("Page", 1)
    return {
        "CurrentPage": page,
        "TotalPages": -(-len(found) // PAGE_SIZE),
        "TotalItems": len(found),
        "ItemsPerPage": PAGE_SIZE,
        "Items": [_as_sync_item(company) for company in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]],
    }


def _is_listed(company: Fields, wanted: Fields) -> bool:
    matchers: Matchers = {
        "Active": lambda value: company.get("Active", True) == value,
        "ChangedAfter": lambda value: company["DateChanged"] > instant(value),
        "RegisteredAfter": lambda value: company["DateCreated"] > instant(value),
    }
    return matches_all(matchers, wanted)


def _as_sync_item(company: Fields) -> Fields:
    return {
        "CompanyId": company["Id"],
        "ExternalId": company.get("ExternalId", ""),
        "DateChanged": company["DateChanged"],
        "DateRegistered": company["DateCreated"],
        "Active": company.get("Active", True),
    }

"""What 24SevenOffice is told of a customer besides names and numbers, where the connection wants it to be."""

from __future__ import annotations

from sync.records import Customer, Details


def details_of(customer: Customer) -> Details | None:
    """Tell address, country and phone of a customer; None where Moment has none of them."""
    details = Details(phone=customer.phone, country=customer.country, addresses=customer.addresses)
    return details if details != Details() else None

"""What 24SevenOffice is told of a customer besides names and numbers, where the connection wants it to be."""

from sync.records import Customer, CustomerDetails


def customer_details(customer: Customer) -> CustomerDetails | None:
    """Tell address, country and phone of a customer; None where Moment has none of them."""
    details = CustomerDetails(phone=customer.phone, country=customer.country, addresses=customer.addresses)
    return details if details != CustomerDetails() else None

"""Customers of Moment, whose form of addresses (M9) and included fields (M20) are uncertain."""

import pytest

from integrations.moment.customers_and_projects import customer_of
from sync.flows.customers import customer_details, draft_of
from sync.records import Address, CustomerDetails


@pytest.mark.parametrize(
    ("addresses", "read"),
    [
        ([{"type": "invoice", "city": "Tromsø"}], (Address("invoice", city="Tromsø"),)),
        (
            [{"type": "box", "street": "Postboks 7", "postalCode": "0150"}],
            (Address("post", "Postboks 7", "0150"),),
        ),
        (
            [{"postalCode": 9008, "city": "Tromsø", "countryCode": "Norge"}],
            (Address("post", postal_code="9008", city="Tromsø", country="NO"),),
        ),
        ([{"postalCode": 150, "countryCode": "no"}], (Address("post", postal_code="0150", country="NO"),)),
        ([{"city": "Oslo", "countryCode": "Atlantis"}], (Address("post", city="Oslo"),)),
        ([{"type": "postal", "street": "  "}, "Storgata 1", {"street": {"name": "Storgata"}}], ()),
        ({"street": "Storgata 1"}, ()),
        (None, ()),
    ],
)
def test_the_readable_addresses_of_a_customer_are_read(addresses: object, read: tuple[Address, ...]) -> None:
    assert customer_of({"id": 7, "name": "Kari", "addresses": addresses}).addresses == read


@pytest.mark.parametrize(
    ("told", "emails"),
    [
        ({}, ("", "")),
        ({"email": ["post@example.com"], "invoiceEmail": {"address": "faktura@example.com"}}, ("", "")),
        ({"email": None, "invoiceEmail": " faktura@example.com"}, ("", "faktura@example.com")),
    ],
)
def test_an_e_mail_address_that_is_missing_or_no_text_is_empty(
    told: dict[str, object], emails: tuple[str, str]
) -> None:
    customer = customer_of({"id": 7, "name": "Kari", **told})
    assert (customer.email, customer.invoice_email) == emails
    draft = draft_of(customer)
    assert (draft.email, draft.invoice_email) == emails


@pytest.mark.parametrize(
    ("told", "country", "sent"), [("Norge", "Norge", "NO"), ("se", "se", "SE"), ("Norden", "Norden", "")]
)
def test_a_country_is_sent_by_its_code_or_not_at_all(told: str, country: str, sent: str) -> None:
    customer = customer_of({"id": 7, "name": "Kari", "phone": 77000000, "countryCode": told})
    assert customer.country == country
    assert customer_details(customer) == CustomerDetails(phone="77000000", country=sent)

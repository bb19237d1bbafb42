"""The addresses of Moment's customers, of which nobody knows for sure how they look (M9)."""

import pytest

from integrations.moment import customers
from sync.records import Address


@pytest.mark.parametrize(
    ("addresses", "read"),
    [
        ([{"type": "invoice", "city": "Tromsø"}], (Address("invoice", city="Tromsø"),)),
        (
            [{"type": "box", "street": "Postboks 7", "postalCode": "0150"}],
            (Address("post", "Postboks 7", "0150"),),
        ),
        ([{"type": "postal", "street": "  "}, "Storgata 1", {"street": {"name": "Storgata"}}], ()),
        ({"street": "Storgata 1"}, ()),
        (None, ()),
    ],
)
def test_of_a_customers_addresses_is_read_what_can_be_read(addresses: object, read: tuple[Address, ...]) -> None:
    assert customers.translate({"id": 7, "name": "Kari", "addresses": addresses}).addresses == read

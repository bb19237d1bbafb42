from dataclasses import replace

import pytest

from models.inbox.questions import Candidate
from sync.records import Address
from sync.rules.match_comparison import Comparison, compare, one_line

OURS = Candidate(
    number="4711",
    name="Nordlys  Arkitekter AS",
    organization_number="923609016",
    email="post@nordlys.example, faktura@nordlys.example",
    address="Storgata 1, 0155 Oslo",
)
SAME, DIFFERENT = Comparison.SAME, Comparison.DIFFERENT


def test_different_spellings_are_the_same() -> None:
    theirs = Candidate(
        number="4711",
        name="NORDLYS ARKITEKTER AS",
        organization_number="NO 923 609 016 MVA",
        email="Faktura@nordlys.example",
        address="Storgata 1 0155 OSLO",
    )
    assert set(compare(OURS, theirs).values()) == {SAME}


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "found"),
    [
        ("name", "Nordlys AS", "Nordlys Bergen AS", DIFFERENT),
        ("email", "a@x.example", "", Comparison.NOT_IN_24SEVENOFFICE),
        ("organization_number", "", "923609016", Comparison.NOT_IN_MOMENT),
        ("number", "4711", "10235", DIFFERENT),
        ("number", "", "10235", None),
        ("address", "", "", None),
    ],
)
def test_a_field_is_compared(field: str, ours: str, theirs: str, found: Comparison | None) -> None:
    other = replace(OURS, **{field: theirs})
    assert compare(replace(OURS, **{field: ours}), other).get(field) == found


def test_a_question_of_an_earlier_release_is_compared_with_nothing() -> None:
    assert compare(None, OURS) == {}


def test_an_address_is_one_line_with_a_foreign_country() -> None:
    assert one_line(Address("post", "Kungsgatan 1\nb. v.", "111 43", "Stockholm", "SE")) == (
        "Kungsgatan 1 b. v., 111 43 Stockholm, SE"
    )
    assert one_line(None) == ""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import RejectedError
from sync.rules.normalization import clean, cut_warning, organization_number


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Fjord\t\n AS ", "Fjord AS"),
        ("Bj\x00ørn\x1b[31m", "Bjørn[31m"),
        ("Kafé 🎉 Æ", "Kafé 🎉 Æ"),
        ("x" * 10_000, "x" * 200),
    ],
)
def test_text_is_cleaned_of_what_xml_cannot_hold(text: str, kept: str) -> None:
    assert clean(text, max_length=200) == kept


def test_a_text_that_is_cut_gives_a_warning_and_one_that_fits_gives_none() -> None:
    assert cut_warning("The name", " Fjord \n AS ", max_length=8) is None
    assert cut_warning("The name", "Fjord Bygg AS", max_length=8) == (
        "The name is longer than the 8 characters that 24SevenOffice takes, and is cut there."
    )


@given(st.text())
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text, max_length=50), max_length=50) == clean(text, max_length=50)


@pytest.mark.parametrize(
    "text",
    [
        "923609016",
        "923 609 016",
        "NO 923 609 016 MVA",
        "no923609016mva",
        "923.609.016",
        "\u200b923\u00a0609\u00a0016\u202c",
        "NO923609016MVA.",
        "Org.nr. 923 609 016",
        "MVA 923609016",
    ],
)
def test_a_norwegian_organization_number_is_brought_to_nine_digits(text: str) -> None:
    assert organization_number(text, country="NO") == "923609016"


@pytest.mark.parametrize(
    "text", ["923609017", "92360901", "9236090160", "abc", "12345678X", "DE923609016", "000 000 000", "N/A"]
)
def test_what_is_no_norwegian_organization_number_is_refused(text: str) -> None:
    with pytest.raises(RejectedError):
        organization_number(text, country="")


def test_a_foreign_organization_number_is_taken_as_it_is() -> None:
    assert organization_number("SE 556703-7485", country="SE") == "SE 556703-7485"


@pytest.mark.parametrize(("text", "country"), [("", "NO"), ("-", "NO"), ("N/A", "GB"), ("0", "DE"), ("?", "SE")])
def test_no_organization_number_is_none(text: str, country: str) -> None:
    assert organization_number(text, country=country) == ""

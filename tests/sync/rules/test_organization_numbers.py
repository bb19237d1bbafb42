import pytest

from sync.rules.organization_numbers import organization_key, organization_number, organization_number_warning


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
        "923 609 016 MVA Foretaksregisteret",
        "NO923609016MVA (Føretaksregisteret)",
        "923\u2013609\u2014016",
        "VAT no. 923\u2011609\u2212016",
        "0192:923609016",
        "9908: 923 609 016",
        "iso6523-actorid-upis::0192:923609016",
        "Enhetsregisteret 923609016",
        "Brreg: 923609016",
    ],
)
def test_a_norwegian_organization_number_is_brought_to_nine_digits(text: str) -> None:
    for country in ("NO", "Norge", "NOR", ""):
        assert organization_number(text, country=country) == "923609016"
        assert organization_number_warning(text, country=country) is None


@pytest.mark.parametrize(
    "text", ["923609017", "92360901", "9236090160", "12345678X", "DE923609016", "CVR 923609016"]
)
def test_an_invalid_norwegian_number_is_sent_unchanged_with_a_warning(text: str) -> None:
    assert organization_number(text, country="") == text
    assert organization_number_warning(text, country="") == (
        f"“{text}” isn't a Norwegian organization number. It was sent all the same: correct it in Moment, or set "
        "the customer's country."
    )


@pytest.mark.parametrize(
    ("text", "country"), [("923609017 in the old register", "NO"), ("Companies House 01234567", "GB")]
)
def test_a_number_that_is_too_long_is_not_cut_but_left_out_with_a_warning(text: str, country: str) -> None:
    assert organization_number(text, country=country) == ""
    assert organization_number_warning(text, country=country) == (
        f"The organization number “{text}” is too long, and wasn't sent."
    )


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("01019012345", "NO"),
        ("010190 12345", ""),
        ("010190-12345", "NO"),
        ("f.nr. 01.01.90 123 45", "NO"),
        ("99999999999", ""),
        ("15076500565", "SE"),
        ("NO 150765-00565", "DE"),
        ("923609016 / 150765 00565", "NO"),
        ("010190 12345 (2)", ""),
        ("IT 150765 00565", ""),
        ("0192:15076500565", ""),
        ("ID 01019012345", ""),
    ],
)
def test_an_identity_number_is_neither_sent_nor_quoted(text: str, country: str) -> None:
    assert organization_number(text, country=country) == ""
    warning = organization_number_warning(text, country=country)
    assert warning == (
        "Moment has an identity number in place of the organization number. It wasn't sent: remove it in Moment."
    )


def test_a_foreign_number_of_eleven_digits_that_is_no_identity_number_is_sent() -> None:
    assert organization_number("IT 01234567890", country="IT") == "IT 01234567890"
    assert organization_number_warning("IT 01234567890", country="IT") is None


@pytest.mark.parametrize(
    "text", ["IT01234567897", "FR 40 303 265 045", "lv40003245752", "AU 51 824 753 556", "HR01019012345"]
)
def test_a_number_with_a_foreign_prefix_is_no_identity_number(text: str) -> None:
    assert organization_number(text, country="") == text
    warning = organization_number_warning(text, country="")
    assert warning
    assert warning.startswith(f"“{text}” isn't a Norwegian organization number. It was sent all the same")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SE556702693401", "5567026934"),
        ("556702693401", "5567026934"),
        ("0007:5567026934", "5567026934"),
        ("CVR 12345678", "12345678"),
        ("CVR-nr. DK 12 34 56 78", "12345678"),
        ("0184:DK12345678", "12345678"),
        ("Y-tunnus 1234567-1", "12345671"),
        ("FI12345671", "12345671"),
    ],
)
def test_a_nordic_number_is_compared_by_its_bare_number(text: str, key: str) -> None:
    assert organization_key(text) == key


def test_a_foreign_organization_number_is_taken_as_it_is() -> None:
    assert organization_number("SE 556703-7485", country="SE") == "SE 556703-7485"


@pytest.mark.parametrize(
    ("text", "country"), [("", "NO"), ("-", "NO"), ("N/A", ""), ("N/A", "GB"), ("0", "DE"), ("000 000 000", "NO")]
)
def test_an_empty_organization_number_stays_empty(text: str, country: str) -> None:
    assert organization_number(text, country=country) == ""
    assert organization_number_warning(text, country=country) is None


def test_the_length_of_an_organization_number_is_counted_in_utf_16_units() -> None:
    assert organization_number("CHE🎉" + "1" * 15, country="CH") == "CHE🎉" + "1" * 15
    assert organization_number("CHE🎉" + "1" * 16, country="CH") == ""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.rules.normalization import clean, cut_warning


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


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    assert clean("x" + " " * 50_000_000 + "y", max_length=200) == "x"


def test_a_text_that_is_cut_gives_a_warning_and_one_that_fits_gives_none() -> None:
    assert cut_warning("The name", " Fjord \n AS ", max_length=8) is None
    for most in (5, 8):
        assert cut_warning("The name", "Fjord Bygg AS", max_length=most) == (
            f"The name is longer than the {most} characters that 24SevenOffice takes, and is cut there."
        )


def test_a_text_is_cut_by_utf_16_units_and_no_emoji_in_two() -> None:
    assert clean("🎉" * 150, max_length=200) == "🎉" * 100
    assert clean("x" + "🎉" * 150, max_length=200) == "x" + "🎉" * 99


def test_an_emoji_counts_as_the_two_units_that_24sevenoffice_keeps_of_it() -> None:
    assert cut_warning("The name", "🎉" * 4, max_length=8) is None
    assert cut_warning("The name", "🎉" * 5, max_length=8)


@given(st.text())
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text, max_length=50), max_length=50) == clean(text, max_length=50)

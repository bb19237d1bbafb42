from datetime import timedelta

import pytest

from i18n import formatting
from i18n.catalog import Language
from i18n.messages import translate
from tests.factories import NOW
from web.views.templates import _environment, duration, unbroken


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.25, "250 ms"),
        (3.4, "3 s"),
        (119, "119 s"),
        (150, "2 min"),
        (7200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_a_duration_is_shown_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert translate(duration(seconds), Language.ENGLISH) == text


@pytest.mark.parametrize(
    ("language", "before", "text"),
    [
        (Language.ENGLISH, timedelta(hours=3), "3 hours ago"),
        (Language.NORWEGIAN, timedelta(hours=3), "for 3 timer siden"),
        (Language.ENGLISH, timedelta(0), "1 second ago"),
        (Language.NORWEGIAN, timedelta(days=2), "for 2 døgn siden"),
    ],
)
def test_a_relative_time_has_the_exact_time_as_a_tooltip(language: Language, before: timedelta, text: str) -> None:
    at = NOW - before
    page = _environment(language).from_string("{{ at | ago(now) }}").render(at=at, now=NOW)
    exact = formatting.instant(at, language)
    assert page == f'<time datetime="{at.isoformat()}" title="{exact}">{text}</time>'


def test_an_amount_in_a_sentence_stays_on_one_line() -> None:
    assert (
        unbroken("Voucher 40003 of 2026: 1 000 000,03 kroner")
        == "Voucher 40003 of 2026: 1\xa0000\xa0000,03 kroner"
    )
    assert unbroken("Account 4300 12 345 6789") == "Account 4300 12\xa0345 6789"

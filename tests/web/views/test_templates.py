import pytest

from i18n.catalog import Language
from i18n.messages import translate
from web.views.templates import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
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
def test_a_duration_is_shown_in_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert translate(duration(seconds), Language.ENGLISH) == said

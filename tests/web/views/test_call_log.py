import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.views.call_log import MAX_LENGTH, formatted


def test_each_element_of_xml_has_a_line_with_its_text() -> None:
    envelope = '<?xml version="1.0"?><Body><Save a="1"><Name>Blåbær &amp; co</Name><Empty/></Save></Body>'
    assert formatted(envelope).splitlines() == [
        '<?xml version="1.0"?>',
        "<Body>",
        '  <Save a="1">',
        "    <Name>Blåbær &amp; co</Name>",
        "    <Empty/>",
        "  </Save>",
        "</Body>",
    ]


def test_each_value_of_json_has_a_line_and_amounts_stay_as_they_were_written() -> None:
    text = '{"total": 1250.00, "name": "Sm\\u00f8r: {1, 2}", "lines": [{"id": 1}, {}], "none": []}'
    assert formatted(text).splitlines() == [
        "{",
        '  "total": 1250.00,',
        '  "name": "Smør: {1, 2}",',
        '  "lines": [',
        "    {",
        '      "id": 1',
        "    },",
        "    {}",
        "  ],",
        '  "none": []',
        "}",
    ]


@pytest.mark.parametrize("text", ["", "No answer.", "404 Not Found"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert formatted(text) == text


def test_truncated_text_is_formatted_as_far_as_it_goes() -> None:
    assert formatted('{"a": [1, "b … (9000 in all)') == '{\n  "a": [\n    1,\n    "b … (9000 in all)'


@pytest.mark.parametrize("text", ["[" * 8000, "<a>" * 2600, '{"a":' * 1600, "[" * 20 + "1," * 3990])
def test_deeply_nested_text_does_not_make_a_huge_page(text: str) -> None:
    assert len(formatted(text)) <= MAX_LENGTH
    assert formatted(text).startswith(text[:3])


@given(st.text('<>/{}[]",:\\ ab1\n', max_size=80))
def test_nothing_but_white_space_is_added_or_lost(text: str) -> None:
    assert re.sub(r"\s", "", formatted(text)) == re.sub(r"\s", "", text)

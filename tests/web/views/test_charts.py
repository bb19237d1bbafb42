from typing import Any

from lxml import etree

from web.views.charts import Bar, ChartText, chart

WORDS = ChartText("The last 24 hours", "Came across: 6.", "6", "9 s")


def bar(good: int = 0, bad: int = 0, *, mean: float = 0, longest: float = 0, name: str = "14:00") -> Bar:
    return Bar(name, f"{name}: {good} and {bad}", good, bad, mean, longest)


def drawn(*bars: Bar, words: ChartText = WORDS) -> Any:
    return etree.fromstring(chart(bars, words, name="hours"))


def heights(svg: Any, kind: str) -> list[float]:
    return [float(rect.get("height")) for rect in svg.iter("rect") if rect.get("class") == kind]


def test_bars_are_as_high_as_their_numbers_beside_the_highest() -> None:
    svg = drawn(bar(4, 2), bar(3), bar())
    assert heights(svg, "good") == [60, 45, 0]
    assert heights(svg, "bad") == [30, 0, 0]


def test_what_failed_stands_on_top_of_what_was_synced() -> None:
    good, bad = drawn(bar(1, 1)).iter("rect")
    assert float(bad.get("y")) + float(bad.get("height")) == float(good.get("y"))


def test_the_line_passes_over_spans_in_which_nothing_was_synced() -> None:
    svg = drawn(bar(1, mean=3, longest=9), bar(), bar(1, mean=9, longest=9))
    (line,) = svg.iter("polyline")
    assert len(line.get("points").split()) == len(list(svg.iter("circle"))) == 2


def test_without_numbers_there_is_a_chart_without_a_line() -> None:
    svg = drawn(bar(), bar())
    assert list(svg.iter("polyline")) == []
    assert set(heights(svg, "good")) == {0}


def test_it_is_explained_to_those_who_do_not_see_it() -> None:
    svg = drawn(bar(1))
    told = [svg.find("title").text, svg.find("desc").text]
    assert (svg.get("role"), told) == ("img", ["The last 24 hours", "Came across: 6."])
    assert svg.get("aria-labelledby").split() == [svg.find("title").get("id"), svg.find("desc").get("id")]


def test_what_is_written_on_it_cannot_break_out() -> None:
    svg = drawn(bar(1, name="<script>"), words=ChartText('"<b>', "&<", "<", ">"))
    assert [element.tag for element in svg.iter("script", "b")] == []

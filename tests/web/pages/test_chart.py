from typing import Any

from lxml import etree

from i18n.catalog import Language
from i18n.messages import Message, msg
from models.admin.dashboard import PeriodStatistics
from models.inbox.statistics import Granularity
from tests.factories import NOW
from web.pages.dashboard import ChartPeriod
from web.views.templates import render

TITLE = msg("Last 24 hours")


def span(good: int = 0, bad: int = 0, *, mean: float = 0, longest: float = 0) -> PeriodStatistics:
    return PeriodStatistics(NOW, synced=good, failed=bad, total_seconds=mean * good, max_seconds=longest)


def drawn(*spans: PeriodStatistics, title: Message = TITLE) -> Any:
    period = ChartPeriod(title=title, granularity=Granularity.HOUR, statistics=spans)
    return etree.fromstring(render("chart.html", Language.ENGLISH, period=period))


def heights(svg: Any, kind: str) -> list[float]:
    return [float(rect.get("height")) for rect in svg.iter("rect") if rect.get("class") == kind]


def test_bars_are_scaled_to_the_highest_number() -> None:
    svg = drawn(span(4, 2), span(3), span())
    assert heights(svg, "good") == [60, 45, 0]
    assert heights(svg, "bad") == [30, 0, 0]


def test_failures_are_stacked_on_synced_records() -> None:
    good, bad = drawn(span(1, 1)).iter("rect")
    assert float(bad.get("y")) + float(bad.get("height")) == float(good.get("y"))


def test_the_line_skips_periods_in_which_nothing_was_synced() -> None:
    svg = drawn(span(1, mean=3, longest=9), span(), span(1, mean=9, longest=9))
    (line,) = svg.iter("polyline")
    assert len(line.get("points").split()) == len(list(svg.iter("circle"))) == 2


def test_each_period_shows_its_numbers() -> None:
    svg = drawn(span(4, 2), span(0, 1))
    texts = [group.find("title").text for group in svg.iter("g")]
    assert texts == [f"{NOW:%H}:00: 4 synced, 2 failed", f"{NOW:%H}:00: 0 synced, 1 failed"]


def test_without_numbers_there_is_a_chart_without_a_line() -> None:
    svg = drawn(span(), span())
    assert list(svg.iter("polyline")) == []
    assert set(heights(svg, "good")) == {0}


def test_a_chart_has_a_description_for_screen_readers() -> None:
    svg = drawn(span(1, mean=5, longest=9))
    texts = [svg.find("title").text, svg.find("desc").text]
    assert (svg.get("role"), texts) == (
        "img",
        [
            "Last 24 hours",
            "Synced: 1. Failed attempts: 0. Average sync time: 5 s; maximum: 9 s.",
        ],
    )
    assert svg.get("aria-labelledby").split() == [svg.find("title").get("id"), svg.find("desc").get("id")]


def test_the_text_of_a_chart_is_escaped() -> None:
    svg = drawn(span(1), title=msg('"<b>&<'))
    assert [element.tag for element in svg.iter("b")] == []
    assert svg.find("title").text == '"<b>&<'

"""The overview: what needs a person, how the connections stand, and how it went lately."""

from collections.abc import Sequence
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from language import times
from language.catalogue import Language
from language.said import Said, say, tell
from models import overview, tallies
from models.overview import SIZE
from models.tallies import Span, Tally
from sync.reasons import REASONS
from web.charts import Bar, Words, chart
from web.durations import duration
from web.filters import Filter
from web.rendering import render
from web.visitors import Reader, Visitor
from worker.wiring import bridge, clock

router = APIRouter()

PERIODS = ((Span.HOUR, 24, say("The last 24 hours")), (Span.DAY, 30, say("The last 30 days")))


class Period(NamedTuple):
    """How a stretch of time went, drawn and as numbers."""

    title: Said
    svg: Markup
    span: Span
    tallies: Sequence[Tally]


@router.get("/")
def show(request: Request, visitor: Reader, page: str = "") -> Response:
    """Show how everything stands that the visitor sees."""
    database, name = bridge().database, Filter.read(request.query_params).company
    number = int(page) if page.isdecimal() and len(page) < 5 and int(page) else 1  # noqa: PLR2004 - digits
    standings = overview.standings(database, visitor.scope, name=name, page=number)
    return render(
        request,
        visitor,
        "overview.html",
        totals=overview.totals(database, visitor.scope),
        troubles=overview.troubles(database, visitor.scope),
        reasons=REASONS,
        standings=standings[:SIZE],
        now=clock(),
        more=len(standings) > SIZE,
        number=number,
        company=name,
        to=_to,
        turned=lambda number: Filter(company=name).address("/", page=number) + "#connections",
        periods=[_period(visitor, *each) for each in PERIODS],
        budget=bridge().budget.usage() if visitor.scope.connections is None else None,
    )


def _to(**given: str) -> str:
    """Tell the address of the changes that a number counts."""
    return Filter(**given).address("/changes")


def _period(visitor: Visitor, span: Span, number: int, title: Said) -> Period:
    told = tallies.last(bridge().database, span, number, scope=visitor.scope, now=clock())
    bars = [_bar(tally, span, visitor.language) for tally in told]
    return Period(title, chart(bars, _words(told, title, visitor.language), name=f"last-{span}s"), span, told)


def _bar(tally: Tally, span: Span, language: Language) -> Bar:
    name = f"{tally.begins:%H}:00" if span is Span.HOUR else times.day(tally.begins, language)
    hint = say("{time}: {good} came across, {bad} did not", time=name, good=tally.synced, bad=tally.failed)
    return Bar(name, tell(hint, language), tally.synced, tally.failed, tally.mean, tally.longest)


def _words(told: Sequence[Tally], title: Said, language: Language) -> Words:
    """Say what the chart shows to those who do not see it."""
    good, bad = sum(tally.synced for tally in told), sum(tally.failed for tally in told)
    longest = max(tally.longest for tally in told)
    mean = sum(tally.seconds for tally in told) / good if good else 0
    said = say("Came across: {good}. Failed attempts: {bad}.", good=good, bad=bad)
    if good:
        took = say(
            "From event to outcome it took {mean} on the average, {longest} at the longest.",
            mean=duration(mean),
            longest=duration(longest),
        )
        said = say("{counts} {times}", counts=said, times=took)
    most = max(tally.synced + tally.failed for tally in told)
    return Words(
        tell(title, language), tell(said, language), times.count(most, language), tell(duration(longest), language)
    )

"""The overview: what needs a person, how the connections stand, and how it went lately."""

from collections.abc import Sequence
from typing import NamedTuple

from fastapi import APIRouter, Response
from markupsafe import Markup

from i18n import formatting
from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from models.admin import dashboard
from models.admin.dashboard import SIZE
from models.inbox import statistics as inbox_statistics
from models.inbox.statistics import Granularity, PeriodStatistics
from sync.error_codes import ERROR_CODES
from web.security.auth import Reader, UserContext
from web.views.charts import Bar, ChartText, chart
from web.views.filters import Filter
from web.views.templates import duration

router = APIRouter()

PERIODS = ((Granularity.HOUR, 24, msg("The last 24 hours")), (Granularity.DAY, 30, msg("The last 30 days")))


class ChartPeriod(NamedTuple):
    """How a stretch of time went, drawn and as numbers."""

    title: Message
    svg: Markup
    granularity: Granularity
    statistics: Sequence[PeriodStatistics]


@router.get("/")
def show(context: Reader, company: str = "", page: str = "") -> Response:
    database, name = context.database, Filter.read({"company": company}).company
    number = int(page) if page.isdecimal() and len(page) < 5 and int(page) else 1  # noqa: PLR2004 - digits
    statuses = dashboard.connection_statuses(database, context.scope, name=name, page=number)
    return context.render(
        "dashboard.html",
        totals=dashboard.totals(database, context.scope),
        error_code_counts=dashboard.error_code_counts(database, context.scope),
        error_codes=ERROR_CODES,
        statuses=statuses[:SIZE],
        now=context.now,
        more=len(statuses) > SIZE,
        number=number,
        company=name,
        records_url=_records_url,
        page_url=lambda number: Filter(company=name).url("/", page=number) + "#connections",
        periods=[_period(context, *each) for each in PERIODS],
        budget=context.container.budget.usage() if context.scope.connections is None else None,
    )


def _records_url(**given: str) -> str:
    return Filter(**given).url("/records")


def _period(context: UserContext, granularity: Granularity, number: int, title: Message) -> ChartPeriod:
    language = context.current_user.language
    periods = inbox_statistics.last_periods(
        context.database, granularity, number, scope=context.scope, now=context.now
    )
    bars = [_bar(period, granularity, language) for period in periods]
    return ChartPeriod(
        title=title,
        svg=chart(bars, _chart_text(periods, title, language), name=f"last-{granularity}s"),
        granularity=granularity,
        statistics=periods,
    )


def _bar(period: PeriodStatistics, granularity: Granularity, language: Language) -> Bar:
    name = (
        f"{period.starts_at:%H}:00"
        if granularity is Granularity.HOUR
        else formatting.day(period.starts_at, language)
    )
    hint = msg("{time}: {good} came across, {bad} did not", time=name, good=period.synced, bad=period.failed)
    return Bar(
        name, translate(hint, language), period.synced, period.failed, period.mean_seconds, period.max_seconds
    )


def _chart_text(periods: Sequence[PeriodStatistics], title: Message, language: Language) -> ChartText:
    """Say what the chart shows to those who do not see it."""
    good, bad = sum(period.synced for period in periods), sum(period.failed for period in periods)
    longest = max(period.max_seconds for period in periods)
    mean = sum(period.total_seconds for period in periods) / good if good else 0
    said = msg("Came across: {good}. Failed attempts: {bad}.", good=good, bad=bad)
    if good:
        took = msg(
            "From event to outcome it took {mean} on the average, {longest} at the longest.",
            mean=duration(mean),
            longest=duration(longest),
        )
        said = msg("{counts} {times}", counts=said, times=took)
    limit = max(period.synced + period.failed for period in periods)
    return ChartText(
        title=translate(title, language),
        description=translate(said, language),
        max_count=formatting.count(limit, language),
        max_seconds=translate(duration(longest), language),
    )

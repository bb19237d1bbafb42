"""The overview: jobs that need attention, the connections' status, and recent statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Response

from i18n.messages import Message, msg
from models.admin import connection_list, dashboard
from models.admin.dashboard import PAGE_SIZE, PeriodStatistics
from models.inbox.statistics import Granularity
from sync.error_codes import ERROR_CODES
from web.dependencies import page_number
from web.security.auth import Reader, UserContext
from web.security.client import untrusted_proxy
from web.views.record_filter import RecordUrlFilter
from web.views.templates import duration

router = APIRouter()

PERIODS = ((Granularity.HOUR, 24, msg("Last 24 hours")), (Granularity.DAY, 30, msg("Last 30 days")))


@dataclass(frozen=True, kw_only=True)
class ChartPeriod:
    title: Message
    granularity: Granularity
    statistics: Sequence[PeriodStatistics]

    @property
    def max_count(self) -> int:
        return max(each.synced + each.failed for each in self.statistics)

    @property
    def max_seconds(self) -> float:
        return max(each.max_seconds for each in self.statistics)

    @property
    def description(self) -> Message:
        """The text of the chart for users who cannot see it."""
        good, bad = sum(each.synced for each in self.statistics), sum(each.failed for each in self.statistics)
        counts = msg("Synced: {good}. Failed attempts: {bad}.", good=good, bad=bad)
        if not good:
            return counts
        times = msg(
            "Average sync time: {mean}; maximum: {longest}.",
            mean=duration(sum(each.total_seconds for each in self.statistics) / good),
            longest=duration(self.max_seconds),
        )
        return msg("{counts} {times}", counts=counts, times=times)


@router.get("/")
def show(context: Reader, company: str = "", page: str = "") -> Response:
    database, name = context.database, RecordUrlFilter.read({"company": company}).company
    number = page_number(page)
    statuses = dashboard.connection_statuses(database, context.scope, now=context.now, name=name, page=number)
    return context.render(
        "dashboard.html",
        totals=dashboard.totals(database, context.scope),
        problems=connection_list.problem_counts(database, context.scope, now=context.now),
        error_code_counts=dashboard.error_code_counts(database, context.scope),
        error_codes=ERROR_CODES,
        statuses=statuses[:PAGE_SIZE],
        more=len(statuses) > PAGE_SIZE,
        number=number,
        first_number=(number - 1) * PAGE_SIZE + 1,
        matching=dashboard.count_connections(database, context.scope, name=name),
        company=name,
        records_url=lambda **given: RecordUrlFilter(**given).url("/records"),
        page_url=lambda number: RecordUrlFilter(company=name).url("/", page=number) + "#connections",
        periods=[_period(context, *each) for each in PERIODS],
        proxy=untrusted_proxy(context.request) if context.current_user.administers_all else "",
        budget=context.container.budget.usage() if context.scope.connections is None else None,
    )


def _period(context: UserContext, granularity: Granularity, number: int, title: Message) -> ChartPeriod:
    scope, now = context.scope, context.now
    statistics = dashboard.last_periods(context.database, granularity, number, scope=scope, now=now)
    return ChartPeriod(title=title, granularity=granularity, statistics=statistics)

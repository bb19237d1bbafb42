"""The list compared with one made in a simple way: all rows, filtered and sorted in Python."""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

import models.database
from i18n.messages import msg
from models.admin import job_list
from models.admin.job_actions import retry
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView, Sort
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record, Scope
from models.inbox import leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from models.inbox.transitions import JobEvent
from models.pagination import PAGE_SIZE, Key, Page, PagePlace
from models.schema.record_summary import RecordSummary
from models.schema.tables import SyncJobRow
from tests.factories import NOW, settings

ENDS = (
    (JobEvent.SYNCED, Outcome.SYNCED, ""),
    (JobEvent.SKIPPED, Outcome.SKIPPED, "not_finalized"),
    (JobEvent.REJECTED, Outcome.FAILED, "account"),
    (JobEvent.FAILED, Outcome.FAILED, "unavailable"),
)
DAY = date(2026, 3, 2)
NAMES = ("Nordlys AS", "Fjord AS", "Granitt")
MANY = 2 * PAGE_SIZE + 20
LATER, LATEST = NOW + timedelta(minutes=1), NOW + timedelta(days=1)


@pytest.fixture
def everything(database: Database, connections: Connections) -> Sequence[JobView]:
    """Three connections with customers and invoices in all states, some received in the same instant."""
    ids = [connections.add(name, settings(moment_company=name), actor="test", now=NOW)[0].id for name in NAMES]
    for connection_id, entity_type in itertools.product(ids, (EntityType.CUSTOMER, EntityType.INVOICE)):
        lane, place = Lane(connection_id, entity_type), 7 * connection_id + len(entity_type)
        for n in range(MANY // 6):
            at = NOW + timedelta(seconds=(place * n) % 40)
            enqueue(database, connection_id, [Record(entity_type, str(n))], now=at)
        lease = leases.acquire(
            database, lane, limit=MANY, now=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2)
        )
        assert lease
        ends = zip(lease.jobs, itertools.cycle(ENDS))
        leases.complete(database, lease, [_make_result(job, *end) for job, end in ends], clock=lambda: NOW)
    enqueue(database, ids[0], [Record(EntityType.PROJECT, "1")], now=NOW)
    retry(database, JobFilter(connection_id=ids[2], error_code="account"), actor="test", now=LATER)
    database.execute(update(SyncJobRow).where(SyncJobRow.id % 3 == 0).values(updated_at=None))  # not known
    return job_list.latest(database, JobFilter(), limit=1000)


def _make_result(job: leases.SyncJob, event: JobEvent, outcome: Outcome, error_code: str) -> AttemptResult:
    name = NAMES[int(job.record.id) % len(NAMES)]
    title = (
        msg("Customer {name}", name=name)
        if job.record.entity_type is EntityType.CUSTOMER
        else f"Invoice {job.record.id}"
    )
    number = int(job.record.id)
    warnings = (msg("The street was cut."),) if number % 5 == 0 else ()
    is_dated = job.record.entity_type is EntityType.INVOICE and number % 4
    known = RecordSummary(
        amount=100 * (number % 7 - 2), currency=("NOK", "EUR")[number % 2], record_date=DAY - timedelta(number % 9)
    )
    return AttemptResult(
        job_id=job.id,
        event=event,
        outcome=outcome,
        error_code=error_code,
        title=title,
        warnings=warnings,
        summary=known if is_dated else None,
    )


def read_all_pages(database: Database, job_filter: JobFilter, sort: Sort = Sort.RECEIVED) -> list[Page[JobView]]:
    """Go from the first page to the last."""
    pages = [job_list.page(database, job_filter, sort=sort)]
    while key := pages[-1].older:
        pages.append(job_list.page(database, job_filter, key=Key.parse(str(key)), sort=sort))
    return pages


def is_wanted(view: JobView, job_filter: JobFilter) -> bool:
    words = f"{view.title} {view.record.id}".lower().split()
    return (
        job_filter.scope.allows(view.connection_id)
        and job_filter.entity_type in (None, view.record.entity_type)
        and (not job_filter.states or view.state in job_filter.states)
        and (not job_filter.outcomes or view.outcome in job_filter.outcomes)
        and job_filter.error_code in ("", view.error_code)
        and (view.warnings or not job_filter.with_warning)
        and (job_filter.updated_since is None or view.updated_at >= job_filter.updated_since)
        and (view.outcome is not None or not job_filter.text)
        and _is_dated(view.summary.record_date, job_filter)
        and all(any(word.startswith(part) for word in words) for part in job_filter.text.split())
    )


def _is_dated(day: date | None, job_filter: JobFilter) -> bool:
    first, last = job_filter.date_from, job_filter.date_to
    return not (first or last) or (day is not None and (first or day) <= day <= (last or day))


def every_filter(ids: Sequence[int]) -> list[JobFilter]:
    scopes = (Scope(), Scope(frozenset(ids[:1])), Scope(frozenset(ids[1:])))
    states = (frozenset[JobState](), frozenset({JobState.DONE}), frozenset({JobState.NEEDS_ATTENTION}))
    texts = ("", "as", "nordlys", "invoice 1")
    some = itertools.product(scopes, (None, EntityType.INVOICE), states, ("", "account"), texts)
    none = (
        JobFilter(scope=Scope(frozenset())),
        JobFilter(text="nobody"),
        JobFilter(states=frozenset({JobState.DISMISSED})),
    )
    warned = (JobFilter(scope=scope, with_warning=True, text=text) for scope in scopes for text in texts)
    changed = (JobFilter(scope=scope, updated_since=since) for scope in scopes for since in (NOW, LATER, LATEST))
    skipped = JobFilter(outcomes=frozenset({Outcome.SKIPPED}))
    days = (
        JobFilter(scope=scope, date_from=DAY - timedelta(6), date_to=to, states=states)
        for scope in scopes
        for to in (None, DAY - timedelta(2))
        for states in (frozenset[JobState](), frozenset({JobState.DONE}))
    )
    return [*itertools.starmap(_filter, some), skipped, *warned, *changed, *days, *none]


def _filter(
    scope: Scope, entity_type: EntityType | None, states: frozenset[JobState], error_code: str, text: str
) -> JobFilter:
    return JobFilter(scope=scope, entity_type=entity_type, states=states, error_code=error_code, text=text)


@pytest.fixture(params=[job_list.MAX_SCANNED_ROWS, 7])
def depth(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first query see all rows, or so few that the others have to find the rest."""
    for name in ("MAX_SCANNED_ROWS", "MAX_SCANNED_BEFORE_INDEX", "MAX_SCATTERED_ROWS"):
        monkeypatch.setattr(job_list, name, request.param)


@pytest.mark.slow
@pytest.mark.usefixtures("depth")
def test_every_filter_finds_exactly_its_matches_newest_first(
    database: Database, everything: Sequence[JobView]
) -> None:
    in_order = sorted(everything, key=lambda view: (view.received_at, view.id), reverse=True)
    for job_filter in every_filter(sorted({view.connection_id for view in everything})):
        found = [view.id for page in read_all_pages(database, job_filter) for view in page.lines]
        assert found == [view.id for view in in_order if is_wanted(view, job_filter)], job_filter


def _sort_value(view: JobView, sort: Sort) -> Any:
    return {
        "received_at": view.received_at,
        "amount": view.summary.amount,
        "record_date": view.summary.record_date,
    }[sort.column]


@pytest.mark.usefixtures("depth")
@pytest.mark.parametrize("sort", Sort)
def test_every_order_lists_exactly_the_jobs_that_have_its_value(
    database: Database, everything: Sequence[JobView], sort: Sort
) -> None:
    ids = sorted({view.connection_id for view in everything})
    for job_filter in (
        JobFilter(),
        JobFilter(scope=Scope(frozenset(ids[:1])), entity_type=EntityType.INVOICE),
        JobFilter(date_to=DAY - timedelta(3), text="invoice"),
        JobFilter(error_code="account", date_from=DAY - timedelta(3)),
        JobFilter(date_from=DAY - timedelta(7), date_to=DAY - timedelta(1)),
        JobFilter(scope=Scope(frozenset(ids[1:])), date_from=date.min, date_to=date.max),
    ):
        there = [
            view for view in everything if is_wanted(view, job_filter) and _sort_value(view, sort) is not None
        ]
        in_order = sorted(there, key=lambda view: (_sort_value(view, sort), view.id), reverse=not sort.ascending)
        pages = read_all_pages(database, job_filter, sort)
        assert [view.id for page in pages for view in page.lines] == [view.id for view in in_order], job_filter
        if len(pages) > 1:
            assert pages[1].newer
            back = job_list.page(database, job_filter, key=Key.parse(str(pages[1].newer)), sort=sort)
            assert back.lines == pages[0].lines


def test_a_key_of_a_list_in_another_order_shows_the_first_page(
    database: Database, everything: Sequence[JobView]
) -> None:
    assert everything
    first = job_list.page(database, JobFilter(), sort=Sort.DATE)
    for key in (Key(NOW, 1), Key(10**15, 1), Key(-5, 1)):
        assert job_list.page(database, JobFilter(), key=key, sort=Sort.DATE).lines == first.lines


def test_the_jobs_of_a_filter_are_counted_and_added_up_by_currency(
    database: Database, everything: Sequence[JobView], monkeypatch: pytest.MonkeyPatch
) -> None:
    for job_filter in (JobFilter(date_from=DAY - timedelta(3)), JobFilter(text="invoice", error_code="")):
        wanted = [view for view in everything if is_wanted(view, job_filter)]
        told = job_list.totals(database, job_filter)
        assert told
        assert told.count == len(wanted)
        for each in told.amounts:
            of_currency = [view.summary.amount or 0 for view in wanted if view.summary.currency == each.currency]
            assert (each.entity_type, each.total) == (EntityType.INVOICE, sum(of_currency))
        assert {each.currency for each in told.amounts} == {"NOK", "EUR"}
    monkeypatch.setattr(job_list, "MAX_TOTALED_ROWS", len(everything) - 1)
    assert job_list.totals(database, JobFilter()) is None


def test_a_count_that_takes_too_long_is_omitted(
    database: Database, everything: Sequence[JobView], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert everything
    monkeypatch.setattr(models.database, "COUNTING_LIMIT", timedelta(milliseconds=1))
    assert database.rows_in_time(select(func.pg_sleep(1))) is None
    database.execute(select(func.pg_sleep(0.01)))  # the limit was for that statement only
    monkeypatch.setattr(Database, "rows_in_time", lambda *_: None)
    assert job_list.page_with_place(database, JobFilter(), key=None, sort=Sort.RECEIVED).place == PagePlace(
        1, None
    )
    older = job_list.page(database, JobFilter()).older
    second = job_list.page_with_place(database, JobFilter(), key=older, sort=Sort.RECEIVED)
    assert second.place == PagePlace(None, None)
    assert job_list.totals(database, JobFilter(text="invoice")) is None


def test_a_list_can_be_paged_forward_and_back(database: Database, everything: Sequence[JobView]) -> None:
    first, second, last = read_all_pages(database, JobFilter())
    assert [len(page.lines) for page in (first, second, last)] == [
        PAGE_SIZE,
        PAGE_SIZE,
        len(everything) - 2 * PAGE_SIZE,
    ]
    assert (first.newer, last.older) == (None, None)
    assert last.newer
    back = job_list.page(database, JobFilter(), key=last.newer)
    assert [view.id for view in back.lines] == [view.id for view in second.lines]
    assert back.newer
    assert job_list.page(database, JobFilter(), key=back.newer) == first


def test_jobs_received_meanwhile_move_no_line_to_another_page(
    database: Database, everything: Sequence[JobView]
) -> None:
    first, second, _ = read_all_pages(database, JobFilter())
    enqueue(database, everything[0].connection_id, [Record(EntityType.PROJECT, "2")], now=NOW + timedelta(days=1))
    assert first.older
    assert job_list.page(database, JobFilter(), key=first.older).lines == second.lines


@pytest.mark.parametrize("text", ["", "o1", "x1-1", "o1-1-1", "o-1-1", f"o{10**20}-1", "o1-\N{SUPERSCRIPT TWO}"])
def test_an_invalid_key_shows_the_first_page(text: str) -> None:
    assert Key.parse(text) is None

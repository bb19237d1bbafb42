"""The list against one that is made the long way round: all rows, filtered and sorted in Python."""

import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from i18n.messages import msg
from models.admin import job_list
from models.admin.job_actions import retry
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record, Scope
from models.inbox import leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from models.inbox.transitions import Event
from models.pagination import SIZE, Key, Page
from models.schema.tables import SyncJobRow
from tests.factories import NOW, settings

ENDS = (
    (Event.SYNCED, Outcome.SYNCED, ""),
    (Event.SKIPPED, Outcome.SKIPPED, "not_finalized"),
    (Event.REJECTED, Outcome.FAILED, "account"),
    (Event.FAILED, Outcome.FAILED, "unavailable"),
)
NAMES = ("Nordlys AS", "Fjord AS", "Granitt")
MANY = 2 * SIZE + 20
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
        leases.complete(database, lease, [_ended(job, *end) for job, end in ends], clock=lambda: NOW)
    enqueue(database, ids[0], [Record(EntityType.PROJECT, "1")], now=NOW)
    retry(database, JobFilter(connection_id=ids[2], error_code="account"), actor="test", now=LATER)
    database.execute(update(SyncJobRow).where(SyncJobRow.id % 3 == 0).values(updated_at=None))  # from before
    return job_list.latest(database, JobFilter(), limit=1000)


def _ended(job: leases.SyncJob, event: Event, outcome: Outcome, error_code: str) -> AttemptResult:
    name = NAMES[int(job.record.id) % len(NAMES)]
    title = (
        msg("Customer {name}", name=name)
        if job.record.entity_type is EntityType.CUSTOMER
        else f"Invoice {job.record.id}"
    )
    warnings = (msg("The street was cut."),) if int(job.record.id) % 5 == 0 else ()
    return AttemptResult(
        job_id=job.id, event=event, outcome=outcome, error_code=error_code, title=title, warnings=warnings
    )


def walked(database: Database, job_filter: JobFilter) -> list[Page[JobView]]:
    """Go from the newest page to the oldest."""
    pages = [job_list.page(database, job_filter)]
    while key := pages[-1].older:
        pages.append(job_list.page(database, job_filter, key=Key.parse(str(key))))
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
        and all(any(word.startswith(part) for word in words) for part in job_filter.text.split())
    )


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
    return [*itertools.starmap(_wanted, some), skipped, *warned, *changed, *none]


def _wanted(
    scope: Scope, entity_type: EntityType | None, states: frozenset[JobState], error_code: str, text: str
) -> JobFilter:
    return JobFilter(scope=scope, entity_type=entity_type, states=states, error_code=error_code, text=text)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [job_list.MAX_SCANNED_ROWS, 7])
def test_every_filter_finds_what_fits_it_and_nothing_else_newest_first(
    database: Database, everything: Sequence[JobView], monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(job_list, "MAX_SCANNED_ROWS", depth)
    in_order = sorted(everything, key=lambda view: (view.received_at, view.id), reverse=True)
    for job_filter in every_filter(sorted({view.connection_id for view in everything})):
        found = [view.id for page in walked(database, job_filter) for view in page.lines]
        assert found == [view.id for view in in_order if is_wanted(view, job_filter)], job_filter


def test_pages_lead_both_ways(database: Database, everything: Sequence[JobView]) -> None:
    first, second, last = walked(database, JobFilter())
    assert [len(page.lines) for page in (first, second, last)] == [SIZE, SIZE, len(everything) - 2 * SIZE]
    assert (first.newer, last.older) == (None, None)
    assert last.newer
    back = job_list.page(database, JobFilter(), key=last.newer)
    assert [view.id for view in back.lines] == [view.id for view in second.lines]
    assert back.newer
    assert job_list.page(database, JobFilter(), key=back.newer) == first


def test_what_comes_in_meanwhile_moves_no_line_to_another_page(
    database: Database, everything: Sequence[JobView]
) -> None:
    first, second, _ = walked(database, JobFilter())
    enqueue(database, everything[0].connection_id, [Record(EntityType.PROJECT, "2")], now=NOW + timedelta(days=1))
    assert first.older
    assert job_list.page(database, JobFilter(), key=first.older).lines == second.lines


@pytest.mark.parametrize("text", ["", "o1", "x1-1", "o1-1-1", "o-1-1", f"o{10**20}-1", "o1-\N{SUPERSCRIPT TWO}"])
def test_an_address_that_names_no_place_shows_the_first_page(text: str) -> None:
    assert Key.parse(text) is None

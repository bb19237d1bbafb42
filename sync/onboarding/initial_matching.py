"""Going live on books that are in use: which customers and projects of Moment are there already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice

from models.enums import EntityType, Lane, Record, titled
from models.inbox.enqueue import enqueue
from sync.engine.context import SyncContext
from sync.errors import RejectedError
from sync.flows import customers, projects
from sync.flows.customers import title
from sync.records import Customer, ExistingProject, ProjectDraft
from sync.rules.matching import CustomerMatcher, same_project

SINCE_EVER = datetime(2000, 1, 1, tzinfo=UTC)
BATCH_SIZE = 50
MAX_NUMBERS = 200
"""Projects that are looked for in one call."""

UNASSIGNED_NUMBER = 0
"""Stands for the number of a customer who is not in 24SevenOffice yet."""


class MatchStatus(StrEnum):
    """What becomes of a record: ``linked`` has happened before, ``wrong`` cannot come across as it is."""

    LINKED = "linked"
    CERTAIN = "certain"
    UNCLEAR = "unclear"
    NEW = "new"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """A record of Moment, its fate, and the number that it has in 24SevenOffice, if that is known."""

    record: Record
    title: str
    status: MatchStatus
    number: str = ""
    note: str = ""


def plan(context: SyncContext) -> Sequence[PlannedRecord]:
    """Tell what would become of every customer and project of Moment that travels; the desk is only read from.

    Raises:
        UnavailableError: a system does not answer now.
        MisconfiguredError: the connection cannot work as it is set up.
    """
    entity_types = context.settings.entity_types
    found = list(_customers(context)) if EntityType.CUSTOMER in entity_types else []
    numbers = {each.record.id: int(each.number) for each in found if each.number}
    return [*found, *(_projects(context, numbers) if EntityType.PROJECT in entity_types else ())]


def apply(context: SyncContext, planned: Iterable[PlannedRecord], *, create: bool) -> Sequence[PlannedRecord]:
    """Link what is certain, and put that, what is unclear and with ``create`` what is new into the inbox.

    The flows do the rest: they save what is linked, ask about what is unclear, and create. Safe to do twice.
    """
    told = [_linked(context, each) if each.status is MatchStatus.CERTAIN else each for each in planned]
    look = {MatchStatus.CERTAIN, MatchStatus.UNCLEAR} | ({MatchStatus.NEW} if create else set())
    records = [each.record for each in told if each.status in look]
    enqueue(context.database, context.connection.id, records, now=context.clock())
    return told


def _linked(context: SyncContext, planned: PlannedRecord) -> PlannedRecord:
    try:
        context.save_link(planned.record, remote_id=planned.number)
    except RejectedError as error:  # another record was faster
        return replace(planned, status=MatchStatus.UNCLEAR, note=error.message)
    return planned


def _customers(context: SyncContext) -> Iterator[PlannedRecord]:
    matcher, given = CustomerMatcher(context.erp.all_companies()), set[str]()
    for record in _records(context, EntityType.CUSTOMER):
        customer = context.moment.customer(record.id)
        if customer is not None:
            yield _once(_customer(context, record, customer, matcher), given)


def _customer(context: SyncContext, record: Record, customer: Customer, matcher: CustomerMatcher) -> PlannedRecord:
    name = title(customer)
    if link := context.link(record):
        return PlannedRecord(record, name, MatchStatus.LINKED, link.remote_id)
    try:
        customers.draft_of(customer)
    except RejectedError as error:
        return PlannedRecord(record, name, MatchStatus.INVALID, note=error.message)
    match = matcher.match(customer)
    if match.number is not None and not context.is_taken(record, str(match.number)):
        return PlannedRecord(record, name, MatchStatus.CERTAIN, str(match.number))
    among = ", ".join(str(each.number) for each in match.candidates) or str(match.number or "")
    return PlannedRecord(record, name, MatchStatus.UNCLEAR if among else MatchStatus.NEW, note=among)


def _projects(context: SyncContext, numbers: Mapping[str, int]) -> Iterator[PlannedRecord]:
    found = [_project(context, record, numbers) for record in _records(context, EntityType.PROJECT)]
    drafts = [draft for _, draft in found if isinstance(draft, ProjectDraft)]
    held, given = _existing(context, [draft.number for draft in drafts]), set[str]()
    for record, draft in found:
        if isinstance(draft, RejectedError):
            yield PlannedRecord(record, draft.title or record.name, MatchStatus.INVALID, note=draft.message)
        elif draft is not None:
            yield _once(_judged(context, record, draft, held.get(draft.number)), given)


def _project(
    context: SyncContext, record: Record, numbers: Mapping[str, int]
) -> tuple[Record, ProjectDraft | RejectedError | None]:
    """Read a project; the number of a customer who has none yet is one that nobody has."""
    project = context.moment.project(record.id)
    if project is None:
        return record, None
    customer = numbers.get(project.customer_id, UNASSIGNED_NUMBER) if project.customer_id else None
    try:
        return record, projects.draft_of(project, customer_number=customer)
    except RejectedError as error:
        return record, error


def _judged(
    context: SyncContext, record: Record, draft: ProjectDraft, there: ExistingProject | None
) -> PlannedRecord:
    number, name = str(draft.number), f"{titled(EntityType.PROJECT, str(draft.number))} {draft.name}"
    if context.link(record):
        return PlannedRecord(record, name, MatchStatus.LINKED, number)
    if context.is_taken(record, number):
        return PlannedRecord(record, name, MatchStatus.UNCLEAR, note=number)
    if there is None:
        return PlannedRecord(record, name, MatchStatus.NEW)
    if same_project(draft, there):
        return PlannedRecord(record, name, MatchStatus.CERTAIN, number)
    return PlannedRecord(record, name, MatchStatus.UNCLEAR, note=f"{number} {there.name}")


def _existing(context: SyncContext, numbers: Sequence[int]) -> Mapping[int, ExistingProject]:
    batches = (numbers[start : start + MAX_NUMBERS] for start in range(0, len(numbers), MAX_NUMBERS))
    return {each.number: each for batch in batches for each in context.erp.existing_projects(batch)}


def _once(planned: PlannedRecord, given: set[str]) -> PlannedRecord:
    """Of two that are the same record of 24SevenOffice, let the first have it."""
    if planned.status is MatchStatus.CERTAIN and planned.number in given:
        return replace(planned, status=MatchStatus.UNCLEAR, number="", note=planned.number)
    given.add(planned.number)
    return planned


def _records(context: SyncContext, entity_type: EntityType) -> Iterator[Record]:
    """Name all records of a kind, each read ahead by the time that it is asked for."""
    ids = iter(dict.fromkeys(context.moment.changed(entity_type, since=SINCE_EVER)))
    while batch := [Record(entity_type, record_id) for record_id in islice(ids, BATCH_SIZE)]:
        with context.reading_ahead(Lane(context.connection.id, entity_type), batch):
            yield from batch

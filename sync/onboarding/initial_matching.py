"""Initial matching: which customers and projects in Moment already exist in 24SevenOffice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from i18n.messages import joined
from models.enums import EntityType, Lane, Record, titled
from models.inbox.enqueue import enqueue
from sync.engine.context import SyncContext
from sync.errors import RejectedError
from sync.flows import customers, projects
from sync.onboarding.preview import NO_NUMBER, PlannedAction, PlannedRecord
from sync.records import Customer, ExistingProject, ProjectDraft
from sync.rules.matching import CustomerMatcher, has_same_name_and_customer

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""An instant before every change in Moment."""

BATCH_SIZE = 50
MAX_NUMBERS = 200
"""Projects looked up in one call."""


def plan(context: SyncContext) -> Sequence[PlannedRecord]:
    """Return the plan for all Moment customers and projects that are synced; nothing is written."""
    entity_types = context.settings.entity_types
    found = list(_customers(context)) if EntityType.CUSTOMER in entity_types else []
    numbers = {each.record.id: int(each.remote_id) for each in found if each.remote_id}
    return [*found, *(_projects(context, numbers) if EntityType.PROJECT in entity_types else ())]


def apply(context: SyncContext, planned: Iterable[PlannedRecord], *, create: bool) -> Sequence[PlannedRecord]:
    """Link certain matches, and enqueue them, unclear records and, with ``create``, new ones; safe to repeat."""
    applied = [_link(context, each) if each.action is PlannedAction.LINK else each for each in planned]
    actions = {PlannedAction.LINK, PlannedAction.ASK} | ({PlannedAction.SYNC} if create else set())
    records = [each.record for each in applied if each.action in actions]
    enqueue(context.database, context.connection.id, records, now=context.clock())
    return applied


def _link(context: SyncContext, planned: PlannedRecord) -> PlannedRecord:
    try:
        context.save_link(planned.record, remote_id=planned.remote_id)
    except RejectedError as error:  # another record was faster
        return replace(planned, action=PlannedAction.ASK, why=error.message)
    return planned


def _customers(context: SyncContext) -> Iterator[PlannedRecord]:
    matcher, used = CustomerMatcher(context.erp.all_companies()), set[str]()
    for record in _records(context, EntityType.CUSTOMER):
        customer = context.moment.customer(record.id)
        if customer is not None:
            yield _link_once(_plan_customer(context, record, customer, matcher), used)


def _plan_customer(
    context: SyncContext, record: Record, customer: Customer, matcher: CustomerMatcher
) -> PlannedRecord:
    planned = partial(PlannedRecord, record, title=customers.title(customer))
    if link := context.link(record):
        return planned(PlannedAction.LINKED, remote_id=link.remote_id)
    try:
        customers.draft_of(customer)
    except RejectedError as error:
        return planned(PlannedAction.REJECT, why=error.message)
    match = matcher.match(customer)
    if match.number is not None and not context.is_taken(record, str(match.number)):
        return planned(PlannedAction.LINK, remote_id=str(match.number))
    candidates = ", ".join(str(each.number) for each in match.candidates) or str(match.number or "")
    return planned(PlannedAction.ASK if candidates else PlannedAction.SYNC, why=candidates)


def _projects(context: SyncContext, numbers: Mapping[str, int]) -> Iterator[PlannedRecord]:
    found = [_read_project(context, record, numbers) for record in _records(context, EntityType.PROJECT)]
    drafts = [draft for _, draft in found if isinstance(draft, ProjectDraft)]
    existing, used = _find_existing(context, [draft.number for draft in drafts]), set[str]()
    for record, draft in found:
        if isinstance(draft, RejectedError):
            yield PlannedRecord(record, PlannedAction.REJECT, draft.title or record.name, why=draft.message)
        elif draft is not None:
            yield _link_once(_plan_project(context, record, draft, existing.get(draft.number)), used)


def _read_project(
    context: SyncContext, record: Record, numbers: Mapping[str, int]
) -> tuple[Record, ProjectDraft | RejectedError | None]:
    """Read a project; if its customer has no number yet, it is :data:`NO_NUMBER`."""
    project = context.moment.project(record.id)
    if project is None:
        return record, None
    customer = numbers.get(project.customer_id, NO_NUMBER) if project.customer_id else None
    try:
        return record, projects.draft_of(project, customer_number=customer)
    except RejectedError as error:
        return record, error


def _plan_project(
    context: SyncContext, record: Record, draft: ProjectDraft, existing: ExistingProject | None
) -> PlannedRecord:
    number = str(draft.number)
    planned = partial(
        PlannedRecord, record, title=joined(titled(EntityType.PROJECT, number), draft.name, between=" ")
    )
    if context.link(record):
        return planned(PlannedAction.LINKED, remote_id=number)
    if context.is_taken(record, number):
        return planned(PlannedAction.ASK, why=number)
    if existing is None:
        return planned(PlannedAction.SYNC)
    if has_same_name_and_customer(draft, existing):
        return planned(PlannedAction.LINK, remote_id=number)
    return planned(PlannedAction.ASK, why=f"{number} {existing.name}")


def _find_existing(context: SyncContext, numbers: Sequence[int]) -> Mapping[int, ExistingProject]:
    batches = (numbers[start : start + MAX_NUMBERS] for start in range(0, len(numbers), MAX_NUMBERS))
    return {each.number: each for batch in batches for each in context.erp.existing_projects(batch)}


def _link_once(planned: PlannedRecord, used: set[str]) -> PlannedRecord:
    """Link a 24SevenOffice record only once; ask a person about any other record that matches it."""
    if planned.action is PlannedAction.LINK and planned.remote_id in used:
        return replace(planned, action=PlannedAction.ASK, remote_id="", why=planned.remote_id)
    used.add(planned.remote_id)
    return planned


def _records(context: SyncContext, entity_type: EntityType) -> Iterator[Record]:
    """Yield all records of a type, each read ahead."""
    ids = iter(dict.fromkeys(context.moment.changed(entity_type, since=BEGINNING)))
    while batch := [Record(entity_type, record_id) for record_id in islice(ids, BATCH_SIZE)]:
        with context.reading_ahead(Lane(context.connection.id, entity_type), batch):
            yield from batch

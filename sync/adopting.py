"""Going live on books that are in use: which customers and projects of Moment are there already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from models import inbox
from models.words import Kind, Lane, Record, named
from sync.errors import Rejected
from sync.flows import customers, projects
from sync.flows.customers import title
from sync.matching import Register, same_project
from sync.records import ProjectDraft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sync.desk import Desk
    from sync.records import Customer, HeldProject

EVER = datetime(2000, 1, 1, tzinfo=UTC)
AT_ONCE = 50
NUMBERS = 200
"""Projects that are looked for in one call."""

NOBODYS = 0
"""Stands for the number of a customer who is not in 24SevenOffice yet."""


class Fate(StrEnum):
    """What becomes of a record: ``linked`` has happened before, ``wrong`` cannot come across as it is."""

    LINKED = "linked"
    CERTAIN = "certain"
    UNCLEAR = "unclear"
    NEW = "new"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Prospect:
    """A record of Moment, its fate, and the number that it has in 24SevenOffice, if that is known."""

    record: Record
    title: str
    fate: Fate
    number: str = ""
    note: str = ""


def survey(desk: Desk) -> Sequence[Prospect]:
    """Tell what would become of every customer and project of Moment that travels; the desk is only read from.

    Raises:
        Unavailable: a system does not answer now.
        Misconfigured: the connection cannot work as it is set up.
    """
    kinds = desk.settings.kinds
    found = list(_customers(desk)) if Kind.CUSTOMER in kinds else []
    numbers = {each.record.id: int(each.number) for each in found if each.number}
    return [*found, *(_projects(desk, numbers) if Kind.PROJECT in kinds else ())]


def adopt(desk: Desk, prospects: Iterable[Prospect], *, create: bool) -> Sequence[Prospect]:
    """Link what is certain, and put that, what is unclear and with ``create`` what is new into the inbox.

    The flows do the rest: they save what is linked, ask about what is unclear, and create. Safe to do twice.
    """
    told = [_linked(desk, each) if each.fate is Fate.CERTAIN else each for each in prospects]
    look = {Fate.CERTAIN, Fate.UNCLEAR} | ({Fate.NEW} if create else set())
    records = [each.record for each in told if each.fate in look]
    inbox.receive(desk.database, desk.connection.id, records, now=desk.clock())
    return told


def _linked(desk: Desk, prospect: Prospect) -> Prospect:
    try:
        desk.save_link(prospect.record, remote_id=prospect.number)
    except Rejected as error:  # another record was faster
        return replace(prospect, fate=Fate.UNCLEAR, note=error.message)
    return prospect


def _customers(desk: Desk) -> Iterator[Prospect]:
    register, given = Register(desk.erp.register()), set[str]()
    for record in _records(desk, Kind.CUSTOMER):
        customer = desk.moment.customer(record.id)
        if customer is not None:
            yield _once(_customer(desk, record, customer, register), given)


def _customer(desk: Desk, record: Record, customer: Customer, register: Register) -> Prospect:
    name = title(customer)
    if link := desk.link(record):
        return Prospect(record, name, Fate.LINKED, link.remote_id)
    try:
        customers.draft_of(customer)
    except Rejected as error:
        return Prospect(record, name, Fate.WRONG, note=error.message)
    match = register.match(customer)
    if match.number is not None and not desk.is_taken(record, str(match.number)):
        return Prospect(record, name, Fate.CERTAIN, str(match.number))
    among = ", ".join(str(each.number) for each in match.candidates) or str(match.number or "")
    return Prospect(record, name, Fate.UNCLEAR if among else Fate.NEW, note=among)


def _projects(desk: Desk, numbers: Mapping[str, int]) -> Iterator[Prospect]:
    found = [_project(desk, record, numbers) for record in _records(desk, Kind.PROJECT)]
    drafts = [draft for _, draft in found if isinstance(draft, ProjectDraft)]
    held, given = _held(desk, [draft.number for draft in drafts]), set[str]()
    for record, draft in found:
        if isinstance(draft, Rejected):
            yield Prospect(record, draft.title or record.name, Fate.WRONG, note=draft.message)
        elif draft is not None:
            yield _once(_judged(desk, record, draft, held.get(draft.number)), given)


def _project(
    desk: Desk, record: Record, numbers: Mapping[str, int]
) -> tuple[Record, ProjectDraft | Rejected | None]:
    """Read a project; the number of a customer who has none yet is one that nobody has."""
    project = desk.moment.project(record.id)
    if project is None:
        return record, None
    customer = numbers.get(project.customer_id, NOBODYS) if project.customer_id else None
    try:
        return record, projects.draft_of(project, customer_number=customer)
    except Rejected as error:
        return record, error


def _judged(desk: Desk, record: Record, draft: ProjectDraft, there: HeldProject | None) -> Prospect:
    number, name = str(draft.number), f"{named(Kind.PROJECT, str(draft.number))} {draft.name}"
    if desk.link(record):
        return Prospect(record, name, Fate.LINKED, number)
    if desk.is_taken(record, number):
        return Prospect(record, name, Fate.UNCLEAR, note=number)
    if there is None:
        return Prospect(record, name, Fate.NEW)
    if same_project(draft, there):
        return Prospect(record, name, Fate.CERTAIN, number)
    return Prospect(record, name, Fate.UNCLEAR, note=f"{number} {there.name}")


def _held(desk: Desk, numbers: Sequence[int]) -> Mapping[int, HeldProject]:
    batches = (numbers[start : start + NUMBERS] for start in range(0, len(numbers), NUMBERS))
    return {each.number: each for batch in batches for each in desk.erp.held_projects(batch)}


def _once(prospect: Prospect, given: set[str]) -> Prospect:
    """Of two that are the same record of 24SevenOffice, let the first have it."""
    if prospect.fate is Fate.CERTAIN and prospect.number in given:
        return replace(prospect, fate=Fate.UNCLEAR, number="", note=prospect.number)
    given.add(prospect.number)
    return prospect


def _records(desk: Desk, kind: Kind) -> Iterator[Record]:
    """Name all records of a kind, each read ahead by the time that it is asked for."""
    ids = iter(dict.fromkeys(desk.moment.changed(kind, since=EVER)))
    while batch := [Record(kind, record_id) for record_id in islice(ids, AT_ONCE)]:
        with desk.reading_ahead(Lane(desk.connection.id, kind), batch):
            yield from batch

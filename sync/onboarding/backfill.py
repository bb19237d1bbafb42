"""A backfill: what Moment holds of a period from before, brought a few records at a time.

What the ledger has is linked and not posted; where that is not clear the flow looks for itself, and a person sees
what differs. What has a link or is in the inbox is passed over, so a backfill that broke off is just begun again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum, auto
from functools import cached_property

from i18n.formatting import OSLO
from i18n.messages import msg
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import dependencies, links
from models.inbox.enqueue import enqueue
from sync.engine.context import SyncContext, whole_number
from sync.errors import RejectedError
from sync.flows.invoices import Invoices, skip_reason, title
from sync.records import FiscalYear, Invoice, PostedLine, Voucher
from sync.rules.vouchers import find_posted

ENTITY_TYPES = (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE)
"""What can be brought, in the order in which one needs the other."""

NO_NUMBER = 0
"""The number of a customer that has yet to come across, where nothing is written."""


class PlannedAction(Enum):
    """What becomes of a record of the period."""

    SYNC = auto()
    LINK = auto()
    ASK = auto()
    REJECT = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """A record, what becomes of it and why; an invoice with its voucher and, in the ledger, ``year/number``."""

    record: Record
    action: PlannedAction
    title: str = ""
    why: str = ""
    voucher: Voucher | None = None
    in_ledger: str = ""


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How many records of a kind the period has, how many came across, need a person, and are on their way."""

    entity_type: EntityType
    all: int
    synced: int
    needs_attention: int
    pending: int


class PreviewContext(SyncContext):
    """A desk at which nothing is written, hence a customer without a number yet has :data:`NO_NUMBER`."""

    @classmethod
    def of(cls, context: SyncContext) -> PreviewContext:
        """Make one with the same two systems."""
        return cls(context.connection, context.database, context.moment, context.erp, context.clock, _refuse)

    def save_link(self, record: Record, *, remote_id: str, fingerprint: str = "") -> None:  # noqa: ARG002 - as a desk has it
        """Refuse to."""
        _refuse()

    def _remote_id(self, record: Record) -> str:
        if link := self.link(record):
            return link.remote_id
        return str(self._number(record.id)) if record.entity_type is EntityType.PROJECT else str(NO_NUMBER)

    def _number(self, project_id: str) -> int:
        """Tell the number that a project will have: its own in Moment."""
        if project_id not in self._numbers:
            project = self.moment.project(project_id)
            self._numbers[project_id] = whole_number(project.number if project else "", what=EntityType.PROJECT)
        return self._numbers[project_id]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {}


class PreviewInvoices(Invoices):
    """The flow without its second look at books that somebody may just have put right, which costs requests."""

    def _forget(self) -> None:
        """Keep what is known: of many invoices each would ask anew for the same."""


@dataclass(frozen=True)
class Backfill:
    """The records of the days from ``first`` to ``last``, both included, in Oslo."""

    context: SyncContext
    first: date
    last: date
    _ledgers: dict[int, dict[str, list[PostedLine]]] = field(default_factory=dict, init=False, repr=False)

    def records(self, entity_type: EntityType) -> Sequence[Record]:
        """Tell the invoices of these days, or the customers or projects that they name or that changed since.

        Moment tells no more than the last change of a record: one changed after the period may be of it as well.
        """
        if entity_type is EntityType.INVOICE:
            return [Record(entity_type, record_id) for record_id in self.invoices]
        since = datetime.combine(self.first, time(), OSLO)
        ids = {each.id for each in self.context.moment.modified(entity_type, since=since)}
        for invoice in self.invoices.values():
            if skip_reason(invoice):
                continue
            lines = [line.project_id for line in invoice.lines]
            ids |= {invoice.customer_id} if entity_type is EntityType.CUSTOMER else {invoice.project_id, *lines}
        return [Record(entity_type, record_id) for record_id in sorted(ids - {""})]

    @cached_property
    def invoices(self) -> Mapping[str, Invoice]:
        """The finalized invoices, by their ids, the oldest first."""
        listed = self.context.moment.invoices_of(self.first, self.last)
        return {each.id: each for each in sorted(listed, key=lambda each: (each.day, each.number or 0))}

    def plan(self, entity_type: EntityType, records: Sequence[Record]) -> Sequence[PlannedRecord]:
        """Tell what becomes of those of a kind's records that are neither linked nor in the inbox; writes nothing.

        The ledger is read once for each fiscal year, a call for each month.
        """
        flow, known = PreviewInvoices(PreviewContext.of(self.context)), self._known(entity_type, records)
        new = [record for record in records if record.id not in known]
        if entity_type is not EntityType.INVOICE:
            return [PlannedRecord(record, PlannedAction.SYNC) for record in new]
        return [self._invoice(flow, record) for record in new]

    def enqueue(self, entity_type: EntityType, records: Sequence[Record]) -> None:
        """Link what the ledger has, and put into the inbox what a worker is to bring or a person is to see."""
        planned = self.plan(entity_type, records)
        plain = [each.record for each in planned if each.action in (PlannedAction.SYNC, PlannedAction.REJECT)]
        doubted = [each.record for each in planned if each.action is PlannedAction.ASK]
        doubted += [
            each.record for each in planned if each.action is PlannedAction.LINK and not self._linked(each)
        ]
        database, connection_id, now = self.context.database, self.context.connection.id, self.context.clock()
        enqueue(database, connection_id, plain, now=now)
        enqueue(database, connection_id, doubted, now=now, outcome_unknown=True)

    def progress(self, entity_type: EntityType, records: Sequence[Record]) -> BackfillProgress:
        """Count how the records stand by now."""
        lane, ids = Lane(self.context.connection.id, entity_type), [record.id for record in records]
        linked = links.find_many(self.context.database, lane, ids)
        states = dependencies.states(self.context.database, lane, ids)
        stuck = sum(states.get(each) is JobState.NEEDS_ATTENTION for each in ids)
        open_ = sum(states.get(each) in (JobState.QUEUED, JobState.RUNNING) and each not in linked for each in ids)
        return BackfillProgress(entity_type, len(ids), len(linked), stuck, open_)

    def _linked(self, planned: PlannedRecord) -> bool:
        """Link an invoice with its voucher; False where another one has it, of which the flow tells a person."""
        try:
            self.context.save_link(planned.record, remote_id=planned.in_ledger)
        except RejectedError:
            return False
        return True

    def _known(self, entity_type: EntityType, records: Sequence[Record]) -> set[str]:
        """Tell the ids of those that are linked, on their way, or left to a person or by one."""
        lane, ids = Lane(self.context.connection.id, entity_type), [record.id for record in records]
        states = dependencies.states(self.context.database, lane, ids)
        held = {record_id for record_id, state in states.items() if state is not JobState.DONE}
        return held | links.find_many(self.context.database, lane, ids).keys()

    def _invoice(self, flow: Invoices, record: Record) -> PlannedRecord:
        invoice = self.invoices[record.id]
        name = title(invoice)
        if left := skip_reason(invoice):
            return PlannedRecord(record, PlannedAction.SKIP, name, left.message)
        years = self.context.erp.fiscal_years()  # a voucher is looked for in a year that is locked by now as well
        year = next((year for year in years if year.starts <= invoice.day <= year.ends), None)
        posted = self._ledger(year).get(str(invoice.number), ()) if year else ()
        refusal = invoice.unreadable
        if not refusal:
            try:
                voucher = flow.voucher(invoice)
                if year and posted:
                    return _compared(record, name, voucher, posted, year=year)
                flow.fiscal_year(invoice.day)
                return PlannedRecord(record, PlannedAction.SYNC, name, voucher=voucher)
            except RejectedError as error:
                refusal = error.message
        return PlannedRecord(record, PlannedAction.ASK if posted else PlannedAction.REJECT, name, refusal)

    def _ledger(self, year: FiscalYear) -> Mapping[str, Sequence[PostedLine]]:
        """Tell what a year's ledger holds, by invoice number; an invoice may have been posted on any day of it."""
        if year.number not in self._ledgers:
            lines: dict[str, list[PostedLine]] = {}
            for line in self.context.erp.ledger(year.starts, year.ends):
                lines.setdefault(line.invoice_number, []).append(line)
            self._ledgers[year.number] = lines
        return self._ledgers[year.number]


def _compared(
    record: Record, name: str, voucher: Voucher, posted: Sequence[PostedLine], *, year: FiscalYear
) -> PlannedRecord:
    """Hold an invoice's voucher against what the ledger has under its number."""
    number = find_posted(voucher, posted)
    if number is None:
        why = msg("The ledger has another voucher with this invoice number, or of another customer.")
        return PlannedRecord(record, PlannedAction.ASK, name, why, voucher)
    why = msg("The ledger has it as voucher {number} of {year}.", number=number, year=year.number)
    return PlannedRecord(record, PlannedAction.LINK, name, why, voucher, f"{year.number}/{number}")


def _refuse() -> None:
    raise PermissionError("A trial writes nothing.")

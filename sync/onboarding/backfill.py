"""Backfill: records of an earlier period in Moment are enqueued a few at a time.

Invoices that the ledger has are linked instead of posted, and checked again if unclear. Records with a link or a
job are left out, so an interrupted backfill can be restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property, partial

from i18n.formatting import OSLO
from i18n.messages import Message, msg
from models.connections.account_ranges import AccountRanges
from models.enums import PENDING, EntityType, JobState, Lane, Record
from models.inbox import due, links
from models.inbox.enqueue import enqueue
from sync.engine.context import SyncContext
from sync.engine.outcomes import Success
from sync.errors import RejectedError, SyncError
from sync.flows import customers, projects
from sync.flows.invoices import Invoices, skip_reason, title
from sync.onboarding.preview import NO_NUMBER, PlannedAction, PlannedRecord, refuse_writes
from sync.records import FiscalYear, Invoice, LedgerLine, Voucher
from sync.rules.normalization import clean
from sync.rules.record_numbers import whole_number
from sync.rules.vouchers import find_posted

ENTITY_TYPES = (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE)
"""The entity types of a backfill, in the order of their dependencies."""


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """The numbers of an entity type's records in the period: all, synced, in need of attention, and pending."""

    entity_type: EntityType
    records: int
    synced: int
    needs_attention: int
    pending: int


class PreviewContext(SyncContext):
    """A context in which nothing is written; a customer without a number yet has :data:`NO_NUMBER`."""

    @classmethod
    def of(cls, context: SyncContext) -> PreviewContext:
        return cls(context.connection, context.database, context.moment, context.erp, context.clock, refuse_writes)

    def save_link(self, record: Record, *, remote_id: str, fingerprint: str = "") -> None:  # noqa: ARG002 - the signature of SyncContext
        refuse_writes()

    def _remote_id(self, record: Record) -> str:
        if link := self.link(record):
            return link.remote_id
        return str(self._number(record.id)) if record.entity_type is EntityType.PROJECT else str(NO_NUMBER)

    def _number(self, project_id: str) -> int:
        """Return the number that a project will have: its own in Moment."""
        if project_id not in self._numbers:
            project = self.moment.project(project_id)
            self._numbers[project_id] = whole_number(
                project.number if project else "", entity_type=EntityType.PROJECT
            )
        return self._numbers[project_id]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {}


class PreviewInvoices(Invoices):
    """The invoice flow, without refreshing the cached accounting setup, which would cost requests."""

    def _drop_cached_setup(self, refusal: SyncError) -> bool:  # noqa: ARG002 - the signature of the flow
        """Keep the cache: no person waits for a single invoice."""
        return False


@dataclass(frozen=True)
class Backfill:
    """The records of the days from ``first`` to ``last``, both included, in Oslo."""

    context: SyncContext
    first: date
    last: date
    _ledgers: dict[date, dict[str, list[LedgerLine]]] = field(default_factory=dict, init=False, repr=False)
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def records(self, entity_type: EntityType) -> Sequence[Record]:
        """Return the invoices of these days, or the records that they name or that changed since the first day."""
        if entity_type is EntityType.INVOICE:
            return [Record(entity_type, record_id) for record_id in self.invoices]
        since = datetime.combine(self.first, time(), OSLO)
        ids = {each.id for each in self.context.moment.modified(entity_type, since=since)}
        for invoice in self.invoices.values():
            if self._skip_reason(invoice):
                continue
            lines = [line.project_id for line in invoice.lines]
            ids |= {invoice.customer_id} if entity_type is EntityType.CUSTOMER else {invoice.project_id, *lines}
        return [Record(entity_type, record_id) for record_id in sorted(ids - {""})]

    @cached_property
    def invoices(self) -> Mapping[str, Invoice]:
        """The finalized invoices by id, oldest first."""
        listed = self.context.moment.invoices_of(self.first, self.last)
        return {each.id: each for each in sorted(listed, key=lambda each: (each.day, each.number or 0))}

    def plan(self, entity_type: EntityType, records: Sequence[Record]) -> Sequence[PlannedRecord]:
        """Return the plan for the records without link and job; the ledger is read once for each fiscal year."""
        flow, known = PreviewInvoices(PreviewContext.of(self.context)), self._find_known(entity_type, records)
        new = [record for record in records if record.id not in known]
        if entity_type is not EntityType.INVOICE:
            return [PlannedRecord(record, PlannedAction.SYNC) for record in new]
        return [self._invoice(flow, record) for record in new]

    def preview(self, entity_type: EntityType, records: Sequence[Record]) -> Iterator[PlannedRecord]:
        """Yield the plan with names for a person, which are read. Raises SyncError if a system is unavailable."""
        explain = {
            EntityType.CUSTOMER: self._explain_customer,
            EntityType.PROJECT: self._explain_project,
            EntityType.INVOICE: self._explain_invoice,
        }
        yield from map(explain[entity_type], self.plan(entity_type, records))

    def preview_all(self, entity_types: Iterable[EntityType]) -> tuple[list[PlannedRecord], int]:
        """Return the previews of all records of these types, and how many more are known already."""
        planned, known = list[PlannedRecord](), 0
        for entity_type in entity_types:
            records = self.records(entity_type)
            found = list(self.preview(entity_type, records))
            planned, known = [*planned, *found], known + len(records) - len(found)
        return planned, known

    def enqueue(self, entity_type: EntityType, records: Sequence[Record]) -> None:
        """Link what the ledger has, and enqueue what a worker has to sync or a person has to see."""
        planned = self.plan(entity_type, records)
        new = [each.record for each in planned if each.action in (PlannedAction.SYNC, PlannedAction.REJECT)]
        to_verify = [each.record for each in planned if each.action is PlannedAction.ASK]
        to_verify += [
            each.record for each in planned if each.action is PlannedAction.LINK and not self._link(each)
        ]
        database, connection_id, now = self.context.database, self.context.connection.id, self.context.clock()
        enqueue(database, connection_id, new, now=now)
        enqueue(database, connection_id, to_verify, now=now, outcome_unknown=True)

    def progress(self, entity_type: EntityType, records: Sequence[Record]) -> BackfillProgress:
        lane, ids = Lane(self.context.connection.id, entity_type), [record.id for record in records]
        linked = links.find_many(self.context.database, lane, ids)
        states = due.states(self.context.database, lane, ids)
        return BackfillProgress(
            entity_type=entity_type,
            records=len(ids),
            synced=len(linked),
            needs_attention=sum(states.get(each) is JobState.NEEDS_ATTENTION for each in ids),
            pending=sum(states.get(each) in PENDING and each not in linked for each in ids),
        )

    def _link(self, planned: PlannedRecord) -> bool:
        """Link an invoice with its voucher; return False if another invoice has it, which the flow reports."""
        try:
            self.context.save_link(planned.record, remote_id=planned.remote_id)
        except RejectedError:
            return False
        return True

    def _find_known(self, entity_type: EntityType, records: Sequence[Record]) -> set[str]:
        """Return the ids of the records that are linked, pending, in need of attention or dismissed."""
        lane, ids = Lane(self.context.connection.id, entity_type), [record.id for record in records]
        states = due.states(self.context.database, lane, ids)
        unfinished = {record_id for record_id, state in states.items() if state is not JobState.DONE}
        return unfinished | links.find_many(self.context.database, lane, ids).keys()

    def _invoice(self, flow: Invoices, record: Record) -> PlannedRecord:
        invoice = self.invoices[record.id]
        name = title(invoice)
        if skip := self._skip_reason(invoice):
            return PlannedRecord(record, PlannedAction.SKIP, name, why=skip.message)
        years = self.context.erp.fiscal_years()  # locked years too: their vouchers are searched as well
        year = next((year for year in years if year.starts <= invoice.day <= year.ends), None)
        posted = self._ledger(year).get(str(invoice.number), ()) if year else ()
        refusal = invoice.unreadable
        if not refusal:
            try:
                voucher = flow.voucher(invoice)
                if year and posted:
                    return _plan_posted(record, name, voucher, posted, year=year)
                flow.fiscal_year(invoice.day)
                return PlannedRecord(record, PlannedAction.SYNC, name, voucher=voucher)
            except RejectedError as error:
                refusal = error.message
        return PlannedRecord(record, PlannedAction.ASK if posted else PlannedAction.REJECT, name, why=refusal)

    def _skip_reason(self, invoice: Invoice) -> Success | None:
        return skip_reason(invoice, first_day=self.context.settings.invoice_from)

    def _ledger(self, year: FiscalYear) -> Mapping[str, Sequence[LedgerLine]]:
        """Return the lines of a year's ledger by invoice number; a voucher may have any date in the year."""
        if year.starts not in self._ledgers:
            lines: dict[str, list[LedgerLine]] = {}
            booked = self.context.erp.booked(year.starts, year.ends, costs=AccountRanges(()))
            for line in booked.sales:
                lines.setdefault(line.invoice_number, []).append(line)
            self._ledgers[year.starts] = lines
        return self._ledgers[year.starts]

    def _explain_invoice(self, planned: PlannedRecord) -> PlannedRecord:
        voucher = planned.voucher
        if voucher is None:
            return replace(planned, why=_explain(planned))
        keeps_number = self.context.settings.voucher_number == "moment"
        number = str(voucher.number) if keeps_number else msg("next")
        customer_id = self.invoices[planned.record.id].customer_id
        number_of_customer, name = voucher.receivable.customer_number, self._name(customer_id)
        is_new = number_of_customer == NO_NUMBER
        customer = msg("{name} (new)", name=name) if is_new else f"{number_of_customer} {name}"
        return replace(planned, remote_id=number, customer=customer)

    def _explain_customer(self, planned: PlannedRecord) -> PlannedRecord:
        customer = self.context.moment.customer(planned.record.id)
        if customer is None:
            return _skip(planned, msg("This customer no longer exists in Moment."))
        return _check_draft(planned, customers.title(customer), partial(customers.draft_of, customer))

    def _explain_project(self, planned: PlannedRecord) -> PlannedRecord:
        project = self.context.moment.project(planned.record.id)
        if project is None:
            return _skip(planned, msg("This project no longer exists in Moment."))
        draft_of = partial(projects.draft_of, project, customer_number=None)
        return _check_draft(planned, projects.title(project), draft_of)

    def _name(self, customer_id: str) -> str:
        if customer_id not in self._names:
            customer = self.context.moment.customer(customer_id)
            self._names[customer_id] = clean(customer.name if customer else customer_id, max_length=40)
        return self._names[customer_id]


def _skip(planned: PlannedRecord, why: Message) -> PlannedRecord:
    return replace(planned, action=PlannedAction.SKIP, title=planned.record.name, why=why)


def _check_draft(planned: PlannedRecord, title: str, draft_of: Callable[[], object]) -> PlannedRecord:
    try:
        draft_of()
    except RejectedError as error:
        return replace(planned, action=PlannedAction.REJECT, title=title, why=error.message)
    return replace(planned, title=title, why=msg("would be saved"))


def _explain(planned: PlannedRecord) -> str:
    if planned.action is PlannedAction.LINK:
        return msg("{why} It would be linked.", why=planned.why)
    if planned.action is PlannedAction.ASK:
        return msg(
            "{why} It would be checked once more, and marked as needing attention if it differs.", why=planned.why
        )
    return planned.why


def _plan_posted(
    record: Record, name: str, voucher: Voucher, posted: Sequence[LedgerLine], *, year: FiscalYear
) -> PlannedRecord:
    number = find_posted(voucher, posted)
    if number is None:
        why = msg("The ledger has another voucher with this invoice number, or of another customer.")
        return PlannedRecord(record, PlannedAction.ASK, name, why=why)
    why = msg("It is in the ledger as voucher {number}/{year}.", number=number, year=year.number)
    return PlannedRecord(record, PlannedAction.LINK, name, remote_id=f"{year.number}/{number}", why=why)

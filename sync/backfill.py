"""A backfill: what Moment holds of a period from before, brought a few records at a time.

What the ledger has is linked and not posted; where that is not clear the flow looks for itself, and a person sees
what differs. What has a link or is in the inbox is passed over, so a backfill that broke off is just begun again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from language.said import say
from models import inbox, links, waiting
from models.words import Kind, Lane, Record, State
from sync.desk import Desk, whole_number
from sync.errors import Rejected
from sync.flows.invoices import Invoices, left_alone, title
from sync.vouchers import agrees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sync.records import FiscalYear, Invoice, PostedLine, Voucher

OSLO = ZoneInfo("Europe/Oslo")

KINDS = (Kind.CUSTOMER, Kind.PROJECT, Kind.INVOICE)
"""What can be brought, in the order in which one needs the other."""

NO_NUMBER = 0
"""The number of a customer that has yet to come across, where nothing is written."""


class Fate(Enum):
    """What becomes of a record of the period."""

    BROUGHT = auto()
    LINKED = auto()
    DOUBTED = auto()
    REFUSED = auto()
    LEFT_ALONE = auto()


@dataclass(frozen=True, slots=True)
class Prospect:
    """A record, what becomes of it and why; an invoice with its voucher and, in the ledger, ``year/number``."""

    record: Record
    fate: Fate
    title: str = ""
    why: str = ""
    voucher: Voucher | None = None
    in_ledger: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records of a kind the period has, how many came across, need a person, and are on their way."""

    kind: Kind
    all: int
    across: int
    stuck: int
    waiting: int


class TrialDesk(Desk):
    """A desk at which nothing is written, hence a customer without a number yet has :data:`NO_NUMBER`."""

    @classmethod
    def beside(cls, desk: Desk) -> TrialDesk:
        """Make one with the same two systems."""
        return cls(desk.connection, desk.database, desk.moment, desk.erp, desk.clock, _refuse)

    def save_link(self, record: Record, *, remote_id: str, fingerprint: str = "") -> None:  # noqa: ARG002 - as a desk has it
        """Refuse to."""
        _refuse()

    def _remote_id(self, record: Record) -> str:
        if link := self.link(record):
            return link.remote_id
        return str(self._number(record.id)) if record.kind is Kind.PROJECT else str(NO_NUMBER)

    def _number(self, project_id: str) -> int:
        """Tell the number that a project will have: its own in Moment."""
        if project_id not in self._numbers:
            project = self.moment.project(project_id)
            self._numbers[project_id] = whole_number(project.number if project else "", what=Kind.PROJECT)
        return self._numbers[project_id]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {}


class TrialInvoices(Invoices):
    """The flow without its second look at books that somebody may just have put right, which costs requests."""

    def _forget(self) -> None:
        """Keep what is known: of many invoices each would ask anew for the same."""


@dataclass(frozen=True)
class Backfill:
    """The records of the days from ``first`` to ``last``, both included, in Oslo."""

    desk: Desk
    first: date
    last: date
    _ledgers: dict[int, dict[str, list[PostedLine]]] = field(default_factory=dict, init=False, repr=False)

    def records(self, kind: Kind) -> Sequence[Record]:
        """Tell the invoices of these days, or the customers or projects that they name or that changed since.

        Moment tells no more than the last change of a record: one changed after the period may be of it as well.
        """
        if kind is Kind.INVOICE:
            return [Record(kind, record_id) for record_id in self.invoices]
        since = datetime.combine(self.first, time(), OSLO)
        ids = {each.id for each in self.desk.moment.modified(kind, since=since)}
        for invoice in self.invoices.values():
            if left_alone(invoice):
                continue
            lines = [line.project_id for line in invoice.lines]
            ids |= {invoice.customer_id} if kind is Kind.CUSTOMER else {invoice.project_id, *lines}
        return [Record(kind, record_id) for record_id in sorted(ids - {""})]

    @cached_property
    def invoices(self) -> Mapping[str, Invoice]:
        """The finalized invoices, by their ids, the oldest first."""
        listed = self.desk.moment.invoices_of(self.first, self.last)
        return {each.id: each for each in sorted(listed, key=lambda each: (each.day, each.number or 0))}

    def prospects(self, kind: Kind, records: Sequence[Record]) -> Sequence[Prospect]:
        """Tell what becomes of those of a kind's records that are neither linked nor in the inbox; writes nothing.

        The ledger is read once for each fiscal year, a call for each month.
        """
        flow, known = TrialInvoices(TrialDesk.beside(self.desk)), self._known(kind, records)
        new = [record for record in records if record.id not in known]
        if kind is not Kind.INVOICE:
            return [Prospect(record, Fate.BROUGHT) for record in new]
        return [self._invoice(flow, record) for record in new]

    def put(self, kind: Kind, records: Sequence[Record]) -> None:
        """Link what the ledger has, and put into the inbox what a worker is to bring or a person is to see."""
        prospects = self.prospects(kind, records)
        plain = [each.record for each in prospects if each.fate in (Fate.BROUGHT, Fate.REFUSED)]
        doubted = [each.record for each in prospects if each.fate is Fate.DOUBTED]
        doubted += [each.record for each in prospects if each.fate is Fate.LINKED and not self._linked(each)]
        database, connection_id, now = self.desk.database, self.desk.connection.id, self.desk.clock()
        inbox.receive(database, connection_id, plain, now=now)
        inbox.receive(database, connection_id, doubted, now=now, doubtful=True)

    def tally(self, kind: Kind, records: Sequence[Record]) -> Tally:
        """Count how the records stand by now."""
        lane, ids = Lane(self.desk.connection.id, kind), [record.id for record in records]
        linked = links.several(self.desk.database, lane, ids)
        states = waiting.states(self.desk.database, lane, ids)
        stuck = sum(states.get(each) is State.STUCK for each in ids)
        open_ = sum(states.get(each) in (State.WAITING, State.WORKING) and each not in linked for each in ids)
        return Tally(kind, len(ids), len(linked), stuck, open_)

    def _linked(self, prospect: Prospect) -> bool:
        """Link an invoice with its voucher; False where another one has it, of which the flow tells a person."""
        try:
            self.desk.save_link(prospect.record, remote_id=prospect.in_ledger)
        except Rejected:
            return False
        return True

    def _known(self, kind: Kind, records: Sequence[Record]) -> set[str]:
        """Tell the ids of those that are linked, on their way, or left to a person or by one."""
        lane, ids = Lane(self.desk.connection.id, kind), [record.id for record in records]
        states = waiting.states(self.desk.database, lane, ids)
        held = {record_id for record_id, state in states.items() if state is not State.SETTLED}
        return held | links.several(self.desk.database, lane, ids).keys()

    def _invoice(self, flow: Invoices, record: Record) -> Prospect:
        invoice = self.invoices[record.id]
        name = title(invoice)
        if left := left_alone(invoice):
            return Prospect(record, Fate.LEFT_ALONE, name, left.message)
        years = self.desk.erp.fiscal_years()  # a voucher is looked for in a year that is locked by now as well
        year = next((year for year in years if year.starts <= invoice.day <= year.ends), None)
        posted = self._ledger(year).get(str(invoice.number), ()) if year else ()
        refusal = invoice.unreadable
        if not refusal:
            try:
                voucher = flow.voucher(invoice)
                if year and posted:
                    return _compared(record, name, voucher, posted, year=year)
                flow.fiscal_year(invoice.day)
                return Prospect(record, Fate.BROUGHT, name, voucher=voucher)
            except Rejected as error:
                refusal = error.message
        return Prospect(record, Fate.DOUBTED if posted else Fate.REFUSED, name, refusal)

    def _ledger(self, year: FiscalYear) -> Mapping[str, Sequence[PostedLine]]:
        """Tell what a year's ledger holds, by invoice number; an invoice may have been posted on any day of it."""
        if year.number not in self._ledgers:
            lines: dict[str, list[PostedLine]] = {}
            for line in self.desk.erp.ledger(year.starts, year.ends):
                lines.setdefault(line.invoice_number, []).append(line)
            self._ledgers[year.number] = lines
        return self._ledgers[year.number]


def _compared(
    record: Record, name: str, voucher: Voucher, posted: Sequence[PostedLine], *, year: FiscalYear
) -> Prospect:
    """Hold an invoice's voucher against what the ledger has under its number."""
    number = agrees(voucher, posted)
    if number is None:
        why = say("The ledger has another voucher with this invoice number, or of another customer.")
        return Prospect(record, Fate.DOUBTED, name, why, voucher)
    why = say("The ledger has it as voucher {number} of {year}.", number=number, year=year.number)
    return Prospect(record, Fate.LINKED, name, why, voucher, f"{year.number}/{number}")


def _refuse() -> None:
    raise PermissionError("A trial writes nothing.")

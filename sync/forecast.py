"""A forecast of a backfill: the very vouchers that would be posted, and what becomes of the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind, named
from sync.backfill import NO_NUMBER, Fate
from sync.cleaning import clean
from sync.desk import whole_number
from sync.errors import Rejected
from sync.flows.customers import draft_of, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.words import Record
    from sync.backfill import Backfill, Prospect
    from sync.records import Voucher


@dataclass(frozen=True, slots=True)
class Outlook:
    """A record and what becomes of it; one that is to be posted with its voucher, its number and its customer."""

    title: str
    why: str
    voucher: Voucher | None = None
    number: str = ""
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tells of the records of a backfill what becomes of them, except for those that have been brought already."""

    backfill: Backfill
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def of(self, kind: Kind, records: Sequence[Record]) -> Iterator[Outlook]:
        """Look at records of a kind. Raises ``SyncError`` where a system is away or refuses the connection."""
        for each in self.backfill.prospects(kind, records):
            if kind is Kind.INVOICE:
                yield self._invoice(each)
            else:
                yield self._customer(each.record) if kind is Kind.CUSTOMER else self._project(each.record)

    def _invoice(self, prospect: Prospect) -> Outlook:
        voucher = prospect.voucher
        if prospect.fate is not Fate.BROUGHT or voucher is None:
            return Outlook(prospect.title, _told(prospect))
        keeps_number = self.backfill.desk.settings.voucher_number == "moment"
        number = str(voucher.number) if keeps_number else say("next")
        customer_id = self.backfill.invoices[prospect.record.id].customer_id
        by, name = voucher.entries[0].customer_number, self._name(customer_id)
        customer = say("{name} (new)", name=name) if by == NO_NUMBER else f"{by} {name}"
        return Outlook(prospect.title, "", voucher, number, customer)

    def _customer(self, record: Record) -> Outlook:
        customer = self.backfill.desk.moment.customer(record.id)
        if customer is None:
            return Outlook(record.name, say("Moment does not have this customer any more."))
        try:
            draft_of(customer)
        except Rejected as error:
            return Outlook(title(customer), error.message)
        return Outlook(title(customer), say("would be saved"))

    def _project(self, record: Record) -> Outlook:
        project = self.backfill.desk.moment.project(record.id)
        if project is None:
            return Outlook(record.name, say("Moment does not have this project any more."))
        name = named(Kind.PROJECT, clean(project.number, longest=40) or project.id)
        try:
            whole_number(project.number, what=Kind.PROJECT)
        except Rejected as error:
            return Outlook(name, error.message)
        return Outlook(name, say("would be saved"))

    def _name(self, customer_id: str) -> str:
        if customer_id not in self._names:
            customer = self.backfill.desk.moment.customer(customer_id)
            self._names[customer_id] = clean(customer.name if customer else customer_id, longest=40)
        return self._names[customer_id]


def _told(prospect: Prospect) -> str:
    """Tell what becomes of an invoice that is not posted just so."""
    if prospect.fate is Fate.LINKED:
        return say("{why} It would be linked.", why=prospect.why)
    if prospect.fate is Fate.DOUBTED:
        return say("{why} It would be looked at once more, and left to a person if it differs.", why=prospect.why)
    return prospect.why

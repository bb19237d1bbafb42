"""A forecast of a backfill: the very vouchers that would be posted, and what becomes of the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from i18n.messages import msg
from models.enums import EntityType, Record, titled
from sync.engine.context import whole_number
from sync.errors import RejectedError
from sync.flows.customers import draft_of, title
from sync.onboarding.backfill import NO_NUMBER, Backfill, PlannedAction, PlannedRecord
from sync.records import Voucher
from sync.rules.normalization import clean


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A record and what becomes of it; one that is to be posted with its voucher, its number and its customer."""

    title: str
    why: str
    voucher: Voucher | None = None
    number: str = ""
    customer: str = ""


@dataclass(frozen=True, slots=True)
class BackfillPreview:
    """Tells of the records of a backfill what becomes of them, except for those that have been brought already."""

    backfill: Backfill
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def of(self, entity_type: EntityType, records: Sequence[Record]) -> Iterator[PreviewLine]:
        """Look at records of a kind. Raises ``SyncError`` where a system is away or refuses the connection."""
        for each in self.backfill.plan(entity_type, records):
            if entity_type is EntityType.INVOICE:
                yield self._invoice(each)
            else:
                yield (
                    self._customer(each.record)
                    if entity_type is EntityType.CUSTOMER
                    else self._project(each.record)
                )

    def _invoice(self, planned: PlannedRecord) -> PreviewLine:
        voucher = planned.voucher
        if planned.action is not PlannedAction.SYNC or voucher is None:
            return PreviewLine(planned.title, _explained(planned))
        keeps_number = self.backfill.context.settings.voucher_number == "moment"
        number = str(voucher.number) if keeps_number else msg("next")
        customer_id = self.backfill.invoices[planned.record.id].customer_id
        by, name = voucher.entries[0].customer_number, self._name(customer_id)
        customer = msg("{name} (new)", name=name) if by == NO_NUMBER else f"{by} {name}"
        return PreviewLine(planned.title, "", voucher, number, customer)

    def _customer(self, record: Record) -> PreviewLine:
        customer = self.backfill.context.moment.customer(record.id)
        if customer is None:
            return PreviewLine(record.name, msg("Moment does not have this customer any more."))
        try:
            draft_of(customer)
        except RejectedError as error:
            return PreviewLine(title(customer), error.message)
        return PreviewLine(title(customer), msg("would be saved"))

    def _project(self, record: Record) -> PreviewLine:
        project = self.backfill.context.moment.project(record.id)
        if project is None:
            return PreviewLine(record.name, msg("Moment does not have this project any more."))
        name = titled(EntityType.PROJECT, clean(project.number, max_length=40) or project.id)
        try:
            whole_number(project.number, what=EntityType.PROJECT)
        except RejectedError as error:
            return PreviewLine(name, error.message)
        return PreviewLine(name, msg("would be saved"))

    def _name(self, customer_id: str) -> str:
        if customer_id not in self._names:
            customer = self.backfill.context.moment.customer(customer_id)
            self._names[customer_id] = clean(customer.name if customer else customer_id, max_length=40)
        return self._names[customer_id]


def _explained(planned: PlannedRecord) -> str:
    """Tell what becomes of an invoice that is not posted just so."""
    if planned.action is PlannedAction.LINK:
        return msg("{why} It would be linked.", why=planned.why)
    if planned.action is PlannedAction.ASK:
        return msg("{why} It would be looked at once more, and left to a person if it differs.", why=planned.why)
    return planned.why

"""The gateway to Moment: the calls that the flows use, for one connection."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TypeVar
from urllib.parse import quote

from i18n.messages import Message
from integrations.moment import invoices
from integrations.moment.client import MomentSite
from integrations.moment.customers_and_projects import customer_of, project_of
from integrations.moment.expenses import ExpenseGateway
from integrations.moment.field_labels import CONTACT_FIELDS, FIELD_LABELS, RESOURCES
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.moment.invoices import MAX_DAYS_AHEAD
from integrations.moment.record_urls import record_url
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Record, titled
from models.inbox.missed_webhooks import ModifiedRecord
from sync.engine.call_log import RemoteCall, recording_calls, replay
from sync.errors import naming_record
from sync.records import Customer, Invoice, Project
from sync.rules.normalization import clean

T = TypeVar("T")

_MAX_NUMBER_LENGTH = 70


@dataclass(frozen=True, slots=True)
class _ReadAhead:
    """A record that is being read ahead, with the recorded calls."""

    values: Future[Mapping[str, object] | None]
    calls: Sequence[RemoteCall]


class MomentGateway(ExpenseGateway):
    """One company in Moment; implements :class:`sync.ports.InspectableMoment`. The site has the caches."""

    def __init__(self, settings: ConnectionSettings, *, site: MomentSite) -> None:
        super().__init__(settings, site=site)
        self._company = settings.moment_company
        self._ahead: dict[tuple[EntityType, str], _ReadAhead] = {}

    @contextmanager
    def reading_ahead(self, entity_type: EntityType, record_ids: Sequence[str]) -> Iterator[None]:
        """Read records with the free ones of the site's reader threads."""
        self._ahead = {
            (entity_type, record_id): self._read_ahead(entity_type, record_id) for record_id in record_ids
        }
        try:
            yield
        finally:
            for read_ahead in self._ahead.values():
                read_ahead.values.cancel()
            self._ahead = {}

    def customer(self, record_id: str) -> Customer | None:
        return self._read(EntityType.CUSTOMER, record_id, customer_of)

    def project(self, record_id: str) -> Project | None:
        return self._read(EntityType.PROJECT, record_id, project_of)

    def invoice(self, record_id: str) -> Invoice | None:
        translate = partial(invoices.translate, account=self._account, number=self._number_of)
        return self._read(EntityType.INVOICE, record_id, translate)

    def invoices_of(self, first: date, last: date) -> Iterator[Invoice]:
        """Read the list of invoices page by page, and filter by date here."""
        since = {"lastModifiedDateFrom": f"{first - MAX_DAYS_AHEAD:%Y-%m-%d}"}
        rows = invoices.keep_dated(
            self._client.pages(RESOURCES[EntityType.INVOICE], since), first=first, last=last
        )
        for values in rows:
            whole = values if "invoiceLines" in values else self._values(EntityType.INVOICE, str(values["id"]))
            if whole is not None and invoices.is_finalized(whole):
                yield invoices.translate_listed(whole, account=self._account)

    def write_customer_number(self, record_id: str, number: int) -> None:
        path = f"{RESOURCES[EntityType.CUSTOMER]}/{quote(record_id, safe='')}"
        self._client.write("PATCH", path, {"customerNumber": str(number)}, repeatable=True)

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:
        """Return the ids of changed records; of invoices, only the finalized ones."""
        return (each.id for each in self.modified(entity_type, since=since))

    def modified(self, entity_type: EntityType, *, since: datetime) -> Iterable[ModifiedRecord]:
        for values in self._changed(entity_type, since):
            if record_id := id_of(values.get("id")):
                yield ModifiedRecord(record_id, _instant(values))

    def invoice_url(self, record_id: str) -> str:
        return record_url(self._site.record_url, self._company, Record(EntityType.INVOICE, record_id))

    def last_invoice_number(self, *, since: datetime) -> int | None:
        numbers = map(invoices.number_of, self._changed(EntityType.INVOICE, since))
        return max((number for number in numbers if number), default=None)

    def account_codes(self) -> Mapping[int, str]:
        return invoices.account_codes(self._client.pages("financialAccounts"))

    def account_numbers(self) -> Mapping[str, int]:
        return invoices.account_numbers(self._client.pages("financialAccounts"))

    def contact_fields(self, customer_id: str) -> tuple[Collection[Message], Collection[Message]]:
        plain = self._client.record(RESOURCES[EntityType.CUSTOMER], customer_id) or {}
        included = self._record(EntityType.CUSTOMER, customer_id) or {}
        unasked = [FIELD_LABELS[name] for name in CONTACT_FIELDS if name in plain]
        return unasked, [FIELD_LABELS[name] for name in CONTACT_FIELDS if name not in included]

    def _number_of(self, invoice_id: str) -> int | None:
        values = self._client.record(RESOURCES[EntityType.INVOICE], invoice_id)
        return invoices.number_of(values) if values else None

    def _account(self, account_id: str) -> Fields | None:
        """Return an account by its id; for an unknown id, the list is read again."""
        chart = self._site.charts.get(
            self._access,
            read=lambda: invoices.chart(self._client.pages("financialAccounts")),
            suffices=lambda known: account_id in known,
        )
        return chart.get(account_id) if chart else None

    def _changed(self, entity_type: EntityType, since: datetime) -> Iterator[Mapping[str, object]]:
        # Moment's filter has the resolution of a day (assumption M5), and Moment may even ignore it.
        for values in self._client.pages(
            RESOURCES[entity_type], {"lastModifiedDateFrom": f"{since.astimezone(UTC):%Y-%m-%d}"}
        ):
            is_final = entity_type is not EntityType.INVOICE or invoices.is_finalized(values)
            if is_final and _may_have_changed(values, since):
                yield values

    def _read(
        self, entity_type: EntityType, record_id: str, translate: Callable[[Mapping[str, object]], T]
    ) -> T | None:
        values = self._values(entity_type, record_id)
        if values is None:
            return None
        number = str(values.get(f"{entity_type}Number") or record_id)
        with naming_record(titled(entity_type, clean(number, max_length=_MAX_NUMBER_LENGTH))):
            return translate(values)

    def _values(self, entity_type: EntityType, record_id: str) -> Mapping[str, object] | None:
        """Return a record that was read ahead; read it now if it was not, or if no thread has begun to read it."""
        read_ahead = self._ahead.pop((entity_type, record_id), None)
        if read_ahead is None or read_ahead.values.cancel():
            return self._record(entity_type, record_id)
        try:
            return read_ahead.values.result()
        finally:
            replay(read_ahead.calls)

    def _record(self, entity_type: EntityType, record_id: str) -> Mapping[str, object] | None:
        includes = self._site.customer_includes if entity_type is EntityType.CUSTOMER else ""
        return self._client.record(RESOURCES[entity_type], record_id, includes=includes)

    def _read_ahead(self, entity_type: EntityType, record_id: str) -> _ReadAhead:
        """Read a record in a reader thread, with this thread's log and trace context."""

        def read() -> Mapping[str, object] | None:
            with recording_calls() as recorded:
                try:
                    return self._record(entity_type, record_id)
                finally:
                    calls.extend(recorded)

        calls: list[RemoteCall] = []
        return _ReadAhead(self._site.read_ahead_pool.submit(copy_context().run, read), calls)


def _may_have_changed(values: Mapping[str, object], since: datetime) -> bool:
    """Compare in whole seconds, because Moment may round; a record without an instant may have changed."""
    changed = _instant(values)
    return changed is None or changed >= since.replace(microsecond=0)


def _instant(values: Mapping[str, object]) -> datetime | None:
    """Return when a record was last modified; None if only a day or no zone is given."""
    try:
        changed = datetime.fromisoformat(str(values.get("lastModifiedDate")))
    except ValueError:
        return None
    return changed if changed.tzinfo else None

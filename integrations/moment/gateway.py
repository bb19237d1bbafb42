"""Moment behind our words: what the flows see of it (:class:`sync.ports.Moment`), for one connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import BinaryIO, TypeVar
from urllib.parse import quote

from integrations.moment import accounts, customers, expenses, invoices, projects
from integrations.moment.client import MomentClient, MomentSite
from integrations.moment.field_labels import EXPENSES, RESOURCES
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.moment.invoices import MAX_DAYS_AHEAD
from integrations.moment.record_urls import record_url
from integrations.moment.uploads import Upload
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Record, titled
from models.inbox.missed_webhooks import ModifiedRecord
from sync.engine.call_log import RemoteCall, recording_calls, replay
from sync.errors import SyncError, naming_record
from sync.records import Customer, ExistingExpense, ExpenseDraft, Invoice, Project
from sync.rules.normalization import clean

T = TypeVar("T")

_MAX_NUMBER_LENGTH = 70


class MomentGateway:
    """One company of Moment. Cheap to make: what is worth keeping is kept by the site."""

    def __init__(self, settings: ConnectionSettings, *, site: MomentSite) -> None:
        self._company = settings.moment_company
        self._access = (settings.moment_company, settings.moment_api_key)
        self._site = site
        self._client = MomentClient(site, company=settings.moment_company, api_key=settings.moment_api_key)
        self._ahead: dict[tuple[EntityType, str], Future[_Read]] = {}

    @contextmanager
    def reading_ahead(self, entity_type: EntityType, record_ids: Sequence[str]) -> Iterator[None]:
        """Read records on the site's readers, as far as there are free ones."""
        submit = self._site.read_ahead_pool.submit
        self._ahead = {  # each with what this thread's log and traces say of the work
            (entity_type, record_id): submit(copy_context().run, self._read_recording, entity_type, record_id)
            for record_id in record_ids
        }
        try:
            yield
        finally:
            for reading in self._ahead.values():
                reading.cancel()
            self._ahead = {}

    def customer(self, record_id: str) -> Customer | None:
        """Read one customer. Raises RejectedError for one that cannot be read as assumption M2 has it."""
        return self._read(EntityType.CUSTOMER, record_id, customers.translate)

    def project(self, record_id: str) -> Project | None:
        """Read one project. Raises RejectedError for one that cannot be read as assumption M3 has it."""
        return self._read(EntityType.PROJECT, record_id, projects.translate)

    def invoice(self, record_id: str) -> Invoice | None:
        """Read one invoice with its accounts. Raises RejectedError for one that shall travel and cannot be read.

        An invoice that shall not travel has neither lines nor a day of its own: see
        :func:`integrations.moment.invoices.translate`.
        """
        translate = partial(invoices.translate, account=self._account, number=self._number_of)
        return self._read(EntityType.INVOICE, record_id, translate)

    def invoices_of(self, first: date, last: date) -> Iterator[Invoice]:
        """Read the list of invoices page by page, and choose by date on our side."""
        since = {"lastModifiedDateFrom": f"{first - MAX_DAYS_AHEAD:%Y-%m-%d}"}
        rows = invoices.dated(self._client.pages(RESOURCES[EntityType.INVOICE], since), first=first, last=last)
        for values in rows:
            whole = values if "invoiceLines" in values else self._values(EntityType.INVOICE, str(values["id"]))
            if whole is not None:
                yield invoices.translate_listed(whole, account=self._account)

    def write_customer_number(self, record_id: str, number: int) -> None:
        """Set the customer number in Moment (assumption M2); safe to repeat."""
        path = f"{RESOURCES[EntityType.CUSTOMER]}/{quote(record_id, safe='')}"
        self._client.write("PATCH", path, {"customerNumber": str(number)}, repeatable=True)

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:
        """Tell the ids of what changed at or after ``since`` (UTC); of invoices, only the finalized ones."""
        return (each.id for each in self.modified(entity_type, since=since))

    def modified(self, entity_type: EntityType, *, since: datetime) -> Iterable[ModifiedRecord]:
        """Tell the same, with the instant of each."""
        for values in self._changed(entity_type, since):
            if record_id := id_of(values.get("id")):
                yield ModifiedRecord(record_id, _instant(values))

    def invoice_url(self, record_id: str) -> str:
        """Tell where a person opens the invoice in Moment."""
        return record_url(self._site.record_url, self._company, Record(EntityType.INVOICE, record_id))

    def project_numbered(self, number: int) -> str | None:
        """Find a project by its number; one found is remembered for five minutes."""
        fetch = partial(self._client.find, RESOURCES[EntityType.PROJECT], "projectNumber", str(number))
        return self._site.numbers.project_id(number, access=self._access, fetch=fetch)

    def activity(self, project_id: str, name: str) -> str:
        """Find a project's activity, or make it."""
        return expenses.activity(self._client, project_id, name)

    def find_expense(self, external_id: str) -> str | None:
        """Find an expense by its external id."""
        return expenses.find(self._client, external_id)

    def expenses_from(self, first: date) -> Iterator[ExistingExpense]:
        """Read the list of expenses page by page; those that carry no external id are not ours."""
        since = {"lastModifiedDateFrom": f"{first - MAX_DAYS_AHEAD:%Y-%m-%d}"}
        return expenses.existing(self._client.pages(EXPENSES, since))

    def create_expense(self, draft: ExpenseDraft) -> str:
        """Make an accepted expense."""
        return expenses.create(self._client, draft)

    def update_expense(self, expense_id: str, draft: ExpenseDraft) -> bool:
        """Give an expense all values of the draft."""
        return expenses.update(self._client, expense_id, draft)

    def delete_expense(self, expense_id: str) -> bool:
        """Remove an expense."""
        return expenses.delete(self._client, expense_id)

    def attachments(self, expense_id: str) -> Sequence[str] | None:
        """Tell the names of an expense's files."""
        return expenses.attachments(self._client, expense_id)

    def attach(self, expense_id: str, *, name: str, media_type: str, content: BinaryIO) -> None:
        """Upload a file; a name that no header can hold is made plain (see :class:`Upload`)."""
        expenses.attach(self._client, expense_id, Upload(content, name=name, media_type=media_type))

    def last_invoice_number(self, *, since: datetime) -> int | None:
        """Tell the highest number of the invoices finalized or changed since an instant (UTC)."""
        numbers = map(invoices.number_of, self._changed(EntityType.INVOICE, since))
        return max((number for number in numbers if number), default=None)

    def has_activity(self, name: str) -> bool:
        """Tell whether some project has an open activity of this name."""
        return expenses.has_activity(self._client, name)

    def account_codes(self) -> Mapping[int, str]:
        """Tell the numbers of the financial accounts with their external tax codes."""
        return accounts.codes(self._client.all_of("financialAccounts"))

    def account_numbers(self) -> Mapping[str, int]:
        """Tell the ids of the financial accounts with their numbers."""
        return accounts.numbers(self._client.all_of("financialAccounts"))

    def _number_of(self, invoice_id: str) -> int | None:
        values = self._client.record(RESOURCES[EntityType.INVOICE], invoice_id)
        return invoices.number_of(values) if values else None

    def _account(self, account_id: str) -> Fields | None:
        fetch = partial(self._client.all_of, "financialAccounts")
        return self._site.charts.account(account_id, access=self._access, fetch=fetch)

    def _changed(self, entity_type: EntityType, since: datetime) -> Iterator[Mapping[str, object]]:
        # Moment's filter is asked for a whole day (assumption M5), which it may even ignore.
        for values in self._client.pages(
            RESOURCES[entity_type], {"lastModifiedDateFrom": f"{since.astimezone(UTC):%Y-%m-%d}"}
        ):
            wanted = entity_type is not EntityType.INVOICE or invoices.is_finalized(values)
            if wanted and _may_have_changed(values, since):
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
        """Take what was read ahead, once; read here what was not, or whose turn comes before a reader was free."""
        reading = self._ahead.pop((entity_type, record_id), None)
        if reading is None or reading.cancel():
            return self._client.record(RESOURCES[entity_type], record_id)
        return reading.result().replayed()

    def _read_recording(self, entity_type: EntityType, record_id: str) -> _Read:
        with recording_calls() as heard:
            try:
                return _Read(self._client.record(RESOURCES[entity_type], record_id), heard)
            except SyncError as error:
                return _Read(error, heard)


@dataclass(frozen=True, slots=True)
class _Read:
    """How a record was read ahead, and what was said for it."""

    answer: Mapping[str, object] | SyncError | None
    calls: Sequence[RemoteCall]

    def replayed(self) -> Mapping[str, object] | None:
        """Tell it as if it were read now."""
        replay(self.calls)
        if isinstance(self.answer, SyncError):
            raise self.answer
        return self.answer


def _may_have_changed(values: Mapping[str, object], since: datetime) -> bool:
    """Compare in whole seconds, as Moment may round; what tells no instant may well have changed."""
    changed = _instant(values)
    return changed is None or changed >= since.replace(microsecond=0)


def _instant(values: Mapping[str, object]) -> datetime | None:
    """Tell when a record was modified last; None where it says no more than a day, or no zone."""
    try:
        changed = datetime.fromisoformat(str(values.get("lastModifiedDate")))
    except ValueError:
        return None
    return changed if changed.tzinfo else None

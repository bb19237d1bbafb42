"""Expenses on Moment's projects, their activities and their files (assumptions M4, M10 and M11)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import BinaryIO
from urllib.parse import quote

from i18n.messages import Message, msg
from integrations.moment.client import MomentClient, MomentSite, Upload
from integrations.moment.field_labels import ACCEPTED, ACTIVITIES, CLOSED, EXPENSES
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.moment.invoices import MAX_DAYS_AHEAD
from models.connections.settings import ConnectionSettings
from sync.error_codes.names import ACTIVITY, INVOICED
from sync.errors import RejectedError
from sync.money import NOK
from sync.records import ExistingExpense, ExpenseDraft

MAX_ACTIVITIES_READ = 1000
_REMEDY = msg("Correct the expense in Moment.")


class ExpenseGateway:
    """The expenses on one company's projects; implements :class:`sync.ports.ProjectExpenses`."""

    def __init__(self, settings: ConnectionSettings, *, site: MomentSite) -> None:
        self._site = site
        self._access = (settings.moment_company, settings.moment_api_key)
        self._client = MomentClient(site, company=settings.moment_company, api_key=settings.moment_api_key)

    def project_numbered(self, number: int) -> str | None:
        """Find a project by its number; if another project gets the number, it is found within five minutes."""
        return self._site.project_ids.get((self._access, number), read=partial(self._project_numbered, number))

    def _project_numbered(self, number: int) -> str | None:
        """Find a project by its number as given, and with leading zeros, as Moment may store it."""
        for text in (str(number), f"{number:07}"):
            for row in self._client.pages("projects", {"projectNumber": text}):
                if str(row.get("projectNumber") or "").lstrip("0") == str(number):
                    return id_of(row.get("id"))
        return None

    def activity(self, project_id: str, name: str) -> str:
        """Find a project's activity or create it; of several with this name, the first open one."""
        named = [
            values
            for values in self._client.matching(ACTIVITIES, "projectId", project_id)
            if _fold(str(values.get("name"))) == _fold(name)
        ]
        for values in named:
            if values.get("projectExtensionState") != CLOSED:
                return id_of(values.get("id"))
        if named:
            project = self._project_name(project_id)
            raise RejectedError(
                msg("The activity “{name}” of {project} is closed in Moment.", name=name, project=project),
                error_code=ACTIVITY,
                remedy=msg(
                    "Open the activity “{name}” of {project} in Moment, or create another one with that name.",
                    name=name,
                    project=project,
                ),
            )
        return self._make_activity(project_id, name)

    def has_activity(self, name: str) -> bool:
        """Return whether some project has it open. As the filter may be case-sensitive, others are read too."""
        filtered = self._client.pages(ACTIVITIES, {"name": name})
        first = islice(self._client.pages(ACTIVITIES), MAX_ACTIVITIES_READ)
        return any(
            _fold(str(values.get("name"))) == _fold(name) and values.get("projectExtensionState") != CLOSED
            for values in chain(filtered, first)
        )

    def find_expense(self, external_id: str) -> str | None:
        return self._client.find(EXPENSES, "externalId", external_id)

    def expenses_from(self, first: date) -> Iterator[ExistingExpense]:
        """Read the list of expenses; those without an external id are not ours."""
        since = {"lastModifiedDateFrom": f"{first - MAX_DAYS_AHEAD:%Y-%m-%d}"}
        return existing(self._client.pages(EXPENSES, since))

    def create_expense(self, draft: ExpenseDraft) -> str:
        return self._client.create(EXPENSES, _values(draft))

    def update_expense(self, expense_id: str, draft: ExpenseDraft, *, activity: str) -> bool:
        """Send only what the ledger decides and what differs, so that an unchanged expense is not refused."""
        expense = self._client.record(EXPENSES, expense_id)
        if expense is None:
            return False
        changes = {
            name: value
            for name, value in _ledger_values(draft).items()
            if not _equals_sent(expense.get(name), value)
        }
        if "projectId" in changes:
            changes["projectExtensionId"] = _reference(self.activity(draft.project_id, activity))
        with self._explaining_if_invoiced(expense_id):
            return self._client.update(_path(expense_id), changes) if changes else True

    def delete_expense(self, expense_id: str) -> bool:
        with self._explaining_if_invoiced(expense_id):
            return self._client.delete(_path(expense_id))

    def document_names(self, expense_id: str) -> Sequence[str] | None:
        files = self._client.sublist(f"{_path(expense_id)}/attachments")
        return None if files is None else [str(file.get("name") or "") for file in files]

    def upload_document(self, expense_id: str, *, name: str, media_type: str, content: BinaryIO) -> None:
        """Upload a document. Characters that no header can hold are replaced (see :class:`Upload`)."""
        with self._explaining_if_invoiced(expense_id):
            file = Upload(content, name=name, media_type=media_type)
            self._client.upload(f"{_path(expense_id)}/attachments", file)

    def _make_activity(self, project_id: str, name: str) -> str:
        try:
            return self._client.create(ACTIVITIES, {"name": name, "projectId": _reference(project_id)})
        except RejectedError as refusal:
            raise RejectedError(
                refusal.message,
                error_code=ACTIVITY,
                remedy=msg(
                    "Create an activity called “{name}” in {project} in Moment.",
                    name=name,
                    project=self._project_name(project_id),
                ),
            ) from refusal

    def _project_name(self, project_id: str) -> Message:
        values = self._client.record("projects", project_id) or {}
        return msg("project {number}", number=values.get("projectNumber") or project_id)

    @contextmanager
    def _explaining_if_invoiced(self, expense_id: str) -> Iterator[None]:
        """Explain a refusal to change an expense if the reason is that it is invoiced (assumption M10)."""
        try:
            yield
        except RejectedError as refusal:
            expense = self._client.record(EXPENSES, expense_id)
            if not expense or expense.get("invoiced") is not True:
                raise
            raise RejectedError(
                msg("The expense has been invoiced in Moment and can no longer be changed."),
                error_code=INVOICED,
            ) from refusal


def existing(rows: Iterable[Mapping[str, object]]) -> Iterator[ExistingExpense]:
    """Yield the expenses with an external id (M18), each once: a changing list may repeat a record."""
    seen = set()
    for values in rows:
        expense_id, external_id = id_of(values.get("id")), values.get("externalId")
        if expense_id and expense_id not in seen and external_id and isinstance(external_id, str):
            seen.add(expense_id)
            yield _existing(Fields(values, _REMEDY, record=expense_id), expense_id, external_id)


def _values(draft: ExpenseDraft) -> dict[str, object]:
    return _ledger_values(draft) | {
        "projectExtensionId": _reference(draft.activity_id),
        "billable": draft.billable,
        "approvalState": ACCEPTED,
        "externalId": draft.external_id,
    }


def _ledger_values(draft: ExpenseDraft) -> dict[str, object]:
    """Return the fields that the ledger decides, as long as the expense exists."""
    return {
        "projectId": _reference(draft.project_id),
        "description": draft.description,
        "amountInclVat": Decimal(draft.amount).scaleb(-2),
        "currencyCode": NOK,
        "supplierName": draft.supplier,
        "supplierInvoiceNumber": draft.invoice_number,
        "expenseDate": draft.day.isoformat(),
    }


def _equals_sent(actual: object, expected: object) -> bool:
    """Compare a value of Moment, which may leave out an empty text, with the expected one."""
    if isinstance(expected, Decimal):
        return isinstance(actual, int | Decimal) and actual == expected
    return str(actual or "") == str(expected or "")


def _existing(fields: Fields, expense_id: str, external_id: str) -> ExistingExpense:
    try:
        return ExistingExpense(
            expense_id,
            external_id,
            project_id=fields.key("projectId"),
            description=fields.text("description"),
            amount=int(fields.required(fields.money, "amountInclVat").scaleb(2)),
            currency=fields.text("currencyCode") or NOK,
            supplier=fields.text("supplierName"),
            invoice_number=fields.text("supplierInvoiceNumber"),
            day=fields.day("expenseDate"),
            invoiced=fields.values.get("invoiced") is True,
        )
    except RejectedError as refusal:
        return ExistingExpense(expense_id, external_id, unreadable=refusal.message)


def _path(expense_id: str) -> str:
    return f"{EXPENSES}/{quote(expense_id, safe='')}"


def _reference(record_id: str) -> int | str:
    """Reference another record as Moment does: an id of digits is a number."""
    return int(record_id) if record_id.isdecimal() else record_id


def _fold(name: str) -> str:
    return name.strip().casefold()

"""Expenses on Moment's projects, their activities and their files (assumptions M4, M10 and M11)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from urllib.parse import quote

from i18n.messages import Message, msg
from integrations.moment.client import MomentClient
from integrations.moment.field_labels import ACCEPTED, ACTIVITIES, CLOSED, EXPENSES
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.moment.uploads import Upload
from sync.errors import RejectedError
from sync.money import NOK
from sync.records import ExistingExpense, ExpenseDraft

MAX_PROJECTS_READ = 1000
_REMEDY = msg("Correct the expense in Moment.")


def activity(client: MomentClient, project_id: str, name: str) -> str:
    """Find a project's activity, or make it; of several with this name the first that is open.

    Raises:
        RejectedError: it is closed, or Moment does not let us make it.
        OutcomeUnknownError: it may have been made; looking for it again tells.
    """
    named = [
        values
        for values in client.matching(ACTIVITIES, "projectId", project_id)
        if _folded(str(values.get("name"))) == _folded(name)
    ]
    for values in named:
        if values.get("projectExtensionState") != CLOSED:
            return id_of(values.get("id"))
    if named:
        raise _closed(name, _project_name(client, project_id))
    return _make_activity(client, project_id, name)


def has_activity(client: MomentClient, name: str) -> bool:
    """Tell whether some project has an open activity of this name.

    One written with other capitals may not pass Moment's filter, so some of all activities are looked at too.
    """
    exact, some = client.pages(ACTIVITIES, {"name": name}), islice(client.pages(ACTIVITIES, {}), MAX_PROJECTS_READ)
    return any(
        _folded(str(values.get("name"))) == _folded(name) and values.get("projectExtensionState") != CLOSED
        for values in chain(exact, some)
    )


def find(client: MomentClient, external_id: str) -> str | None:
    """Find the id of the expense with this external id."""
    return client.find(EXPENSES, "externalId", external_id)


def existing(rows: Iterable[Mapping[str, object]]) -> Iterator[ExistingExpense]:
    """Read the expenses of a list that carry an external id, each once (assumption M18).

    A list that changes while its pages are read may tell a record twice.
    """
    seen = set()
    for values in rows:
        expense_id, external_id = id_of(values.get("id")), values.get("externalId")
        if expense_id and expense_id not in seen and external_id and isinstance(external_id, str):
            seen.add(expense_id)
            yield _existing(Fields(values, _REMEDY, record=expense_id), expense_id, external_id)


def create(client: MomentClient, draft: ExpenseDraft) -> str:
    """Make an expense."""
    return client.create(EXPENSES, _values(draft))


def update(client: MomentClient, expense_id: str, draft: ExpenseDraft) -> bool:
    """Give an expense all values of the draft, False where it no longer exists."""
    with _explaining_if_invoiced(client, expense_id):
        return client.update(_path(expense_id), _values(draft))


def delete(client: MomentClient, expense_id: str) -> bool:
    """Remove an expense, False where it no longer exists."""
    with _explaining_if_invoiced(client, expense_id):
        return client.delete(_path(expense_id))


def attachments(client: MomentClient, expense_id: str) -> Sequence[str] | None:
    """Tell the names of an expense's files (assumption M11)."""
    files = client.sublist(f"{_path(expense_id)}/attachments")
    return None if files is None else [str(file.get("name") or "") for file in files]


def attach(client: MomentClient, expense_id: str, file: Upload) -> None:
    """Add a file to an expense."""
    with _explaining_if_invoiced(client, expense_id):
        client.upload(f"{_path(expense_id)}/attachments", file)


def _values(draft: ExpenseDraft) -> dict[str, object]:
    return {
        "projectId": _reference(draft.project_id),
        "projectExtensionId": _reference(draft.activity_id),
        "description": draft.description,
        "amountInclVat": Decimal(draft.amount).scaleb(-2),
        "currencyCode": NOK,
        "supplierName": draft.supplier,
        "supplierInvoiceNumber": draft.invoice_number,
        "expenseDate": draft.day.isoformat(),
        "billable": draft.billable,
        "approvalState": ACCEPTED,
        "externalId": draft.external_id,
    }


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
    """Name another record as Moment itself does, whose ids are numbers."""
    return int(record_id) if record_id.isdecimal() else record_id


def _folded(name: str) -> str:
    return name.strip().casefold()


def _make_activity(client: MomentClient, project_id: str, name: str) -> str:
    try:
        return client.create(ACTIVITIES, {"name": name, "projectId": _reference(project_id)})
    except RejectedError as refusal:
        raise RejectedError(
            refusal.message,
            error_code="activity",
            remedy=msg(
                "Make an activity called “{name}” in {project} in Moment.",
                name=name,
                project=_project_name(client, project_id),
            ),
        ) from refusal


def _closed(name: str, project: Message) -> RejectedError:
    return RejectedError(
        msg("The activity “{name}” of {project} is closed in Moment.", name=name, project=project),
        error_code="activity",
        remedy=msg(
            "Open the activity “{name}” of {project} in Moment, or make another one with that name.",
            name=name,
            project=project,
        ),
    )


def _project_name(client: MomentClient, project_id: str) -> Message:
    values = client.record("projects", project_id) or {}
    return msg("project {number}", number=values.get("projectNumber") or project_id)


@contextmanager
def _explaining_if_invoiced(client: MomentClient, expense_id: str) -> Iterator[None]:
    """Look, where Moment refuses to touch an expense, whether that is because it is invoiced (assumption M10)."""
    try:
        yield
    except RejectedError as refusal:
        expense = client.record(EXPENSES, expense_id)
        if not expense or expense.get("invoiced") is not True:
            raise
        raise RejectedError(
            msg("The expense is invoiced in Moment and cannot be changed any more."),
            error_code="invoiced",
            remedy=msg("Correct it by hand where it was invoiced."),
        ) from refusal

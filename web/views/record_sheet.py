"""The list of records as a sheet, for programs or for Excel."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from i18n.sheets import Sheet
from models.admin.job_list import JobView
from models.enums import EntityType, JobState, Outcome

COLUMNS = {
    "title": msg("Record"),
    "entity_type": msg("Type"),
    "number": msg("Number"),
    "party": msg("Customer or supplier"),
    "party_number": msg("Customer or supplier number"),
    "record_date": msg("Date"),
    "due_date": msg("Due date"),
    "amount": msg("Amount incl. VAT"),
    "currency": msg("Currency"),
    "voucher": msg("Voucher"),
    "connection": msg("Company"),
    "state": msg("Status"),
    "outcome": msg("Result"),
    "error_code": msg("Error code"),
    "message": msg("Message"),
    "received_at": msg("Received"),
    "id": msg("Record ID"),
}

NAMES: Mapping[str, Message] = {
    EntityType.CUSTOMER: msg("Customer"),
    EntityType.PROJECT: msg("Project"),
    EntityType.INVOICE: msg("Invoice"),
    EntityType.EXPENSE: msg("Expense"),
    JobState.QUEUED: msg("Queued"),
    JobState.RUNNING: msg("In progress"),
    JobState.WAITING: msg("Waiting"),
    JobState.RETRYING: msg("Retrying"),
    JobState.DONE: msg("Done"),
    JobState.NEEDS_ATTENTION: msg("Needs attention"),
    JobState.DISMISSED: msg("Closed"),
    Outcome.SYNCED: msg("Synced"),
    Outcome.UNCHANGED: msg("No changes"),
    Outcome.SKIPPED: msg("Skipped"),
    Outcome.FAILED: msg("Failed"),
}
"""What people read in place of our words."""


def record_sheet(views: Iterable[JobView], *, for_excel: bool, language: Language) -> Iterator[str]:
    """Yield the lines of a sheet. Programs get our words, in Excel people get theirs."""
    headings = {key: translate(title, language) if for_excel else key for key, title in COLUMNS.items()}
    sheet = Sheet(columns=headings, amounts=frozenset({"amount"}), for_excel=for_excel)
    return sheet.lines(_row(view, named=for_excel, language=language) for view in views)


def _row(view: JobView, *, named: bool, language: Language) -> dict[str, Any]:
    words = {
        "entity_type": str(view.record.entity_type),
        "state": str(view.state),
        "outcome": view.outcome or "",
    }
    if named:
        words = {key: translate(NAMES[word], language) if word else "" for key, word in words.items()}
    known = view.summary
    return words | {
        "id": view.id,
        "title": translate(view.title, language),
        "number": view.number,
        "party": known.party or known.record_name,
        "party_number": known.party_number,
        "record_date": known.record_date,
        "due_date": known.due_date,
        "amount": known.amount,
        "currency": known.currency,
        "voucher": view.voucher,
        "connection": view.connection,
        "error_code": view.error_code,
        "message": translate(view.dismissal_reason or view.message, language),
        "received_at": view.received_at,
    }

"""The export of the list of records: its columns, for programs or for Excel."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from i18n.sheets import Sheet
from models.admin.job_list import JobView
from models.enums import EntityType
from web.views.record_status import status_of

COLUMNS: Mapping[str, Message | None] = {
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
    "outcome": None,
    "error_code": msg("Error code"),
    "message": msg("Result"),
    "received_at": msg("Received"),
    "id": msg("Record ID"),
}
"""The heading of each column for people; columns without one are for programs only."""

NAMES: Mapping[str, Message] = {
    EntityType.CUSTOMER: msg("Customer"),
    EntityType.PROJECT: msg("Project"),
    EntityType.INVOICE: msg("Invoice"),
    EntityType.EXPENSE: msg("Expense"),
}
"""The texts that people read instead of enum values."""


def export_records(views: Iterable[JobView], *, for_excel: bool, language: Language) -> Iterator[str]:
    """Yield the lines of the file: with enum values for programs, with texts for people in Excel."""
    named = {key: translate(title, language) for key, title in COLUMNS.items() if title}
    headings = named if for_excel else {key: key for key in COLUMNS}
    sheet = Sheet(columns=headings, amounts=frozenset({"amount"}), for_excel=for_excel)
    return sheet.lines(_row(view, named=for_excel, language=language) for view in views)


def _row(view: JobView, *, named: bool, language: Language) -> dict[str, Any]:
    entity_type, state = str(view.record.entity_type), str(view.state)
    if named:
        entity_type = translate(NAMES[entity_type], language)
        state = translate(status_of(view), language)
    known = view.summary
    return {
        "id": view.id,
        "entity_type": entity_type,
        "state": state,
        "outcome": view.outcome or "",
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

"""The audit log as a sheet for Excel."""

from collections.abc import Iterable, Iterator, Mapping

from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from i18n.sheets import Sheet
from models.admin.audit_log import AuditEntry

COLUMNS: Mapping[str, Message] = {
    "at": msg("Time"),
    "actor": msg("User"),
    "connection": msg("Company"),
    "record": msg("Record"),
    "action": msg("Action"),
    "id": msg("Entry"),
}


def audit_sheet(entries: Iterable[AuditEntry], *, language: Language) -> Iterator[str]:
    """Yield the lines of a sheet, with texts for people."""
    sheet = Sheet(columns={key: translate(title, language) for key, title in COLUMNS.items()}, for_excel=True)
    return sheet.lines(
        {
            "at": each.at,
            "actor": translate(each.actor, language),
            "connection": each.connection or "",
            "record": translate(each.record or "", language),
            "action": translate(each.action, language),
            "id": each.id,
        }
        for each in entries
    )

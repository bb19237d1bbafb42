"""The filter of the audit log, as in the URL, and the columns of its export for Excel."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from i18n.sheets import Sheet
from models.admin.audit_log import AuditEntry, AuditFilter, AuditTopic
from models.admin.dashboard import find_by_name
from models.database import Database
from models.enums import Scope
from models.users.repository import User
from web.views.url_filter import UrlFilter, day_of

COLUMNS: Mapping[str, Message] = {
    "at": msg("Time"),
    "actor": msg("User"),
    "connection": msg("Company"),
    "record": msg("Record"),
    "action": msg("Action"),
    "id": msg("Entry"),
}


@dataclass(frozen=True, slots=True)
class AuditUrlFilter(UrlFilter):
    company: str = ""
    actor: str = ""
    topic: str = ""
    date_from: str = ""
    date_to: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        texts = cls.texts(given)
        return cls(**texts | ({} if texts["topic"] in set(AuditTopic) else {"topic": ""}))

    @property
    def audit_filter(self) -> AuditFilter:
        return AuditFilter(
            topic=AuditTopic(self.topic) if self.topic else None,
            actor=self.actor,
            date_from=day_of(self.date_from),
            date_to=day_of(self.date_to),
        )

    def scope(self, database: Database, user: User) -> tuple[Scope, bool]:
        """Return the connections to list, and whether to list entries about users too."""
        if self.company:
            return Scope(find_by_name(database, user.scope, self.company)), False
        return user.scope, user.administers_all


def export_entries(entries: Iterable[AuditEntry], *, language: Language) -> Iterator[str]:
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

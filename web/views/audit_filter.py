"""The filter of the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from models.admin.audit_log import AuditFilter, AuditTopic
from models.admin.dashboard import find_by_name
from models.database import Database
from models.enums import Scope
from models.users.repository import User
from web.views.url_filter import UrlFilter, day_of


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
    def wanted(self) -> AuditFilter:
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

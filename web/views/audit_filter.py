"""The filter of the audit log, as in the URL."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self
from urllib.parse import urlencode

from models.admin.audit_log import AuditFilter, AuditTopic
from models.admin.dashboard import find_by_name
from models.database import Database
from models.enums import Scope
from models.users.repository import User
from sync.rules.normalization import clean
from web.views.filters import MAX_LENGTH, day_of


@dataclass(frozen=True, slots=True)
class ShownEntries:
    """A filter with all fields as in the URL; an invalid field is empty and matches everything."""

    company: str = ""
    actor: str = ""
    topic: str = ""
    date_from: str = ""
    date_to: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        said = {name: clean(str(given.get(name, "")), max_length=MAX_LENGTH) for name in cls.__slots__}
        said |= {name: "" for name in ("date_from", "date_to") if day_of(said[name]) is None}
        return cls(**said | ({} if said["topic"] in set(AuditTopic) else {"topic": ""}))

    @property
    def as_params(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def wanted(self) -> AuditFilter:
        return AuditFilter(
            topic=AuditTopic(self.topic) if self.topic else None,
            actor=self.actor,
            date_from=day_of(self.date_from),
            date_to=day_of(self.date_to),
        )

    def scope(self, database: Database, user: User) -> tuple[Scope, bool]:
        """Return the requested connections, and whether entries about users are included."""
        if self.company:
            return Scope(find_by_name(database, user.scope, self.company)), False
        return user.scope, user.administers_all

    def url(self, path: str, **more: object) -> str:
        """Return the URL of the log with this filter; empty values in ``more`` are left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

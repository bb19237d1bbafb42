"""The filter of a list of records."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from models.admin.dashboard import find_by_name
from models.admin.job_filter import JobFilter
from models.admin.job_list import Sort
from models.database import Database
from models.enums import EntityType, Scope
from web.views.record_status import STATUS_FILTERS
from web.views.url_filter import UrlFilter, day_of

ALLOWED: Mapping[str, Collection[str]] = {
    "state": STATUS_FILTERS,
    "type": set(EntityType),
    "warning": {"yes"},
    "sort": set(Sort),
}
"""Values of the fields that accept only certain words."""


@dataclass(frozen=True, slots=True)
class RecordUrlFilter(UrlFilter):
    """The filter of records; ``updated_since`` is an instant with its zone, as in the API."""

    state: str = ""
    type: str = ""
    company: str = ""
    error_code: str = ""
    warning: str = ""
    text: str = ""
    updated_since: str = ""
    date_from: str = ""
    date_to: str = ""
    sort: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        texts = cls.texts(given)
        invalid = {name for name, allowed in ALLOWED.items() if texts[name] not in allowed}
        if _instant(texts["updated_since"]) is None:
            invalid.add("updated_since")
        return cls(**texts | dict.fromkeys(invalid, ""))

    def job_filter(self, database: Database, scope: Scope) -> JobFilter:
        """Return exactly the jobs of the list, also for its count, sheet and actions; it depends on the order."""
        if self.company:
            scope = Scope(find_by_name(database, scope, self.company))
        states, outcomes = STATUS_FILTERS.get(self.state, (frozenset(), frozenset()))
        return JobFilter(
            scope=scope,
            entity_type=EntityType(self.type) if self.type else None,
            states=states,
            outcomes=outcomes,
            error_code=self.error_code,
            with_warning=bool(self.warning),
            text=self.text,
            updated_since=_instant(self.updated_since),
            date_from=day_of(self.date_from),
            date_to=day_of(self.date_to),
            known=Sort(self.sort).known if self.sort else "",
        )


def _instant(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    return None

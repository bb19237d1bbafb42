"""The filter of a list of records, as in the URL and kept from page to page."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Self
from urllib.parse import urlencode

from models.admin.dashboard import find_by_name
from models.admin.job_filter import JobFilter
from models.admin.job_list import Sort
from models.database import Database
from models.enums import EntityType, Scope
from sync.rules.normalization import clean
from web.views.record_status import MEANT

MAX_LENGTH = 100

ALLOWED: Mapping[str, Collection[str]] = {
    "state": MEANT,
    "type": set(EntityType),
    "warning": {"yes"},
    "sort": set(Sort),
}
"""The values of the fields that accept only certain ones."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter with all fields as in the URL; an invalid field is empty and matches everything.

    ``updated_since`` is an instant with its zone, as in the API. Days are written as 2026-11-30.
    """

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
        """Read the fields of a URL or a form, and drop invalid ones."""
        said = {name: clean(str(given.get(name, "")), max_length=MAX_LENGTH) for name in cls.__slots__}
        known = {name: value for name, value in said.items() if name not in ALLOWED or value in ALLOWED[name]}
        if _instant(said["updated_since"]) is None:
            known["updated_since"] = ""
        known |= {name: "" for name in ("date_from", "date_to") if day_of(said[name]) is None}
        return cls(**known)

    @property
    def as_params(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_narrow(self) -> bool:
        """Whether it excludes anything."""
        return bool(self.as_params.keys() - {"sort"})

    def url(self, path: str, **more: object) -> str:
        """Return the URL of a list with this filter; empty values in ``more`` are left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

    def job_filter(self, database: Database, scope: Scope) -> JobFilter:
        """Return exactly the jobs of the list, also for its count, sheet and actions. It depends on the order."""
        if self.company:
            scope = Scope(find_by_name(database, scope, self.company))
        states, outcomes = MEANT.get(self.state, (frozenset(), frozenset()))
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


def day_of(text: str) -> date | None:
    """Read a day from a URL; None if it is not valid."""
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _instant(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    return None

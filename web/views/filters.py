"""What a person filters a list of records by, as it stands in the address and survives from page to page."""

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
"""What may stand in the fields that take only certain words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """All fields are as in the address; what means nothing there is empty, and asks for nothing.

    ``updated_since`` is an instant with its zone, as the API has it. Days are as in 2026-11-30.
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
        """Take what an address or a form holds, and leave what makes no sense."""
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
        """Whether it leaves anything out."""
        return bool(self.as_params.keys() - {"sort"})

    def url(self, path: str, **more: object) -> str:
        """Return the address of a list that is filtered so; what is empty in ``more`` is left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

    def job_filter(self, database: Database, scope: Scope) -> JobFilter:
        """Return exactly what the list shows, for its count, sheet and actions too; it depends on the order."""
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
    """Read a day as an address holds it; None where that is none."""
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _instant(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    return None

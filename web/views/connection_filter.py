"""The filter and order of the list of connections, as in the URL."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Self
from urllib.parse import urlencode

from models.admin.connection_health import HealthColumn, HealthSort
from models.admin.connection_list import ConnectionFilter, ConnectionState, HealthProblem
from models.connections.repository import MAX_NAME_LENGTH
from sync.rules.normalization import clean

STATES, PROBLEMS = set(ConnectionState), set(HealthProblem)
"""The values of the filter's field."""

IDLE_DAYS = ("1", "7", "30")


@dataclass(frozen=True, slots=True)
class ShownConnections:
    """A filter with all fields as in the URL; an invalid field is empty and matches everything."""

    name: str = ""
    status: str = ""
    records: str = ""
    idle: str = ""
    sort: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the fields of a URL or a form, and drop invalid ones."""
        status, idle, sort = (str(given.get(each, "")) for each in ("status", "idle", "sort"))
        return cls(
            name=clean(str(given.get("name", "")), max_length=MAX_NAME_LENGTH),
            status=status if status in STATES | PROBLEMS else "",
            records="yes" if given.get("records") == "yes" else "",
            idle=idle if idle in IDLE_DAYS else "",
            sort=sort if HealthSort.parse(sort) else "",
        )

    @property
    def as_params(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_narrow(self) -> bool:
        """Whether it excludes anything."""
        return bool(self.as_params.keys() - {"sort"})

    @property
    def order(self) -> HealthSort:
        return HealthSort.parse(self.sort) or HealthSort()

    @property
    def wanted(self) -> ConnectionFilter:
        return ConnectionFilter(
            name=self.name,
            state=ConnectionState(self.status) if self.status in STATES else None,
            problem=HealthProblem(self.status) if self.status in PROBLEMS else None,
            with_records=bool(self.records),
            idle_for=timedelta(days=int(self.idle)) if self.idle else None,
        )

    def url(self, path: str = "/connections", **more: object) -> str:
        """Return the URL of the list with this filter; empty values in ``more`` are left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

    def sorted_by(self, column: HealthColumn) -> str:
        """Return the URL of the list sorted by a column, in reverse if it already is."""
        order = HealthSort(column, reverse=self.order == HealthSort(column))
        return self.url(sort="" if order == HealthSort() else order)

"""The filter and order of the list of connections."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from models.admin.connection_health import HealthColumn, HealthSort
from models.admin.connection_list import ConnectionFilter, ConnectionState, HealthProblem
from models.connections.repository import MAX_NAME_LENGTH
from sync.rules.normalization import clean
from web.views.url_filter import UrlFilter

STATES, PROBLEMS = set(ConnectionState), set(HealthProblem)
"""The values of the field ``status``."""

IDLE_DAYS = ("1", "7", "30")


@dataclass(frozen=True, slots=True)
class ConnectionUrlFilter(UrlFilter):
    name: str = ""
    status: str = ""
    records: str = ""
    idle: str = ""
    sort: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        status, idle, sort = (str(given.get(each, "")) for each in ("status", "idle", "sort"))
        return cls(
            name=clean(str(given.get("name", "")), max_length=MAX_NAME_LENGTH),
            status=status if status in STATES | PROBLEMS else "",
            records="yes" if given.get("records") == "yes" else "",
            idle=idle if idle in IDLE_DAYS else "",
            sort=sort if HealthSort.parse(sort) else "",
        )

    @property
    def order(self) -> HealthSort:
        return HealthSort.parse(self.sort) or HealthSort()

    @property
    def connection_filter(self) -> ConnectionFilter:
        return ConnectionFilter(
            name=self.name,
            state=ConnectionState(self.status) if self.status in STATES else None,
            problem=HealthProblem(self.status) if self.status in PROBLEMS else None,
            with_records=bool(self.records),
            idle_for=timedelta(days=int(self.idle)) if self.idle else None,
        )

    def url(self, path: str = "/connections", **more: object) -> str:
        return UrlFilter.url(self, path, **more)  # super() does not work in a class with slots

    def sorted_by(self, column: HealthColumn) -> str:
        """Return the URL of the list sorted by a column, in reverse order if it already is."""
        order = HealthSort(column, reverse=self.order == HealthSort(column))
        return self.url(sort="" if order == HealthSort() else order)

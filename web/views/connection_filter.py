"""What a person filters and sorts the list of connections by, as it stands in the address."""

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
"""What the list is filtered by, in one field."""

IDLE_DAYS = ("1", "7", "30")


@dataclass(frozen=True, slots=True)
class ShownConnections:
    """All fields are as in the address; what means nothing there is empty, and asks for nothing."""

    name: str = ""
    status: str = ""
    records: str = ""
    idle: str = ""
    sort: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Take what an address or a form holds, and leave what makes no sense."""
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
        """Whether it leaves anything out."""
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
        """Return the address of the list that is filtered so; what is empty in ``more`` is left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

    def sorted_by(self, column: HealthColumn) -> str:
        """Return the address of the list sorted by a column, the other way round where it is already."""
        order = HealthSort(column, reverse=self.order == HealthSort(column))
        return self.url(sort="" if order == HealthSort() else order)

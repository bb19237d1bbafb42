"""A project of Moment in our words (assumption M3), and the projects that were found by number."""

from collections.abc import Callable, Mapping
from threading import Lock

from cachetools import TTLCache

from i18n.messages import msg
from integrations.moment.accounts import Access
from integrations.moment.fields import Fields
from sync.records import Project

_REMEDY = msg("Correct the project in Moment; it then comes across by itself.")


def translate(values: Mapping[str, object]) -> Project:
    """Read a project as the API gives it.

    Raises RejectedError where the name is missing or a value does not fit.
    """
    fields = Fields(values, _REMEDY, record=values.get("id"))
    return Project(
        id=fields.required(fields.key, "id"),
        name=fields.required(fields.text, "name"),
        number=fields.text("projectNumber"),
        customer_id=fields.key("customerId"),
        starts=fields.day("startDate"),
        ends=fields.day("endDate"),
    )


class ProjectNumbers:
    """Which project of a company has which number, shared by the threads of a process.

    Args:
        seconds: how long what was found is trusted; a number that moves to another project is found there later.
    """

    def __init__(self, *, seconds: float = 300) -> None:
        self._ids: TTLCache[tuple[Access, int], str] = TTLCache(maxsize=10_000, ttl=seconds)
        self._lock = Lock()

    def project_id(self, number: int, *, access: Access, fetch: Callable[[], str | None]) -> str | None:
        """Find a project's id; one that was not found is looked for each time, as someone may be making it."""
        with self._lock:
            found = self._ids.get((access, number))
        if found is None and (found := fetch()):
            with self._lock:
                self._ids[access, number] = found
        return found

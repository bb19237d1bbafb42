"""The filter of a list, as it is in the URL and kept from page to page."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date
from urllib.parse import urlencode

from sync.rules.normalization import clean

MAX_LENGTH = 100


@dataclass(frozen=True, slots=True)
class UrlFilter:
    """A filter with all fields as in the URL; an invalid field is empty and matches everything.

    Days are written as 2026-11-30.
    """

    @classmethod
    def texts(cls, given: Mapping[str, str]) -> dict[str, str]:
        """Read the fields of a URL or a form; ``date_from`` and ``date_to`` are empty if they are no dates."""
        found = {each.name: clean(str(given.get(each.name, "")), max_length=MAX_LENGTH) for each in fields(cls)}
        invalid = {name for name in ("date_from", "date_to") if name in found and day_of(found[name]) is None}
        return found | dict.fromkeys(invalid, "")

    @property
    def as_params(self) -> dict[str, str]:
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if value}

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.as_params.keys() - {"sort"})

    def url(self, path: str, **more: object) -> str:
        """Return the URL of the list at ``path`` with this filter; empty values in ``more`` are left out."""
        query = self.as_params | {name: str(value or "") for name, value in more.items()}
        query = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(query)}" if query else path


def day_of(text: str) -> date | None:
    """Read a day as in a URL; None if it is invalid."""
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None

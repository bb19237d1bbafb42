"""How Moment responds to a request for a list: filtered by what it understands of the query, and in pages."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from pydantic.alias_generators import to_snake

from sandbox.moment import exact_json
from sandbox.moment.records import Record
from sandbox.moment.state import RefusedError

PAGE_SIZE = 25
PAGING = {"page", "size", "sort"}


def list_page(records: Iterable[Record], query: Mapping[str, str], includes: str = "") -> dict[str, Any]:
    """Return a page of records by id, ascending unless ``sort=id,desc``. Raises RefusedError for an invalid query.

    A field's own name filters by equality. ``lastModifiedDateFrom`` has the resolution of a UTC day, so more is
    returned than asked for. Other parameters, including ``noLimit``, are ignored silently.
    """
    since = _day(query.get("lastModifiedDateFrom", date.min.isoformat()))
    recent = (record for record in records if record.last_modified_date.date() >= since)
    found = sorted((record for record in recent if _matches(record, query)), key=lambda record: record.id)
    if query.get("sort") == "id,desc":
        found.reverse()
    page, size = _whole(query, "page", 0), _whole(query, "size", PAGE_SIZE)
    shown = [read(record, includes) for record in found[page * size : (page + 1) * size]]
    pages = -(-len(found) // size) if size else 0
    return {
        "content": shown,
        "page": {"number": page, "size": size, "totalElements": len(found), "totalPages": pages},
    }


def dump(record: Record) -> dict[str, Any]:
    """Return a record with the API's field names, with all of its fields."""
    return record.model_dump(by_alias=True)


def read(record: Record, includes: str = "") -> dict[str, Any]:
    """Return a record as it is read; raises RefusedError for an include that it does not have."""
    wanted = set(filter(None, re.split("[+,]", includes)))
    if unknown := sorted(wanted - record.INCLUDES.keys()):
        raise RefusedError(400, f"Cannot include {', '.join(unknown)}")
    left_out = frozenset[str]().union(*(record.INCLUDES[name] for name in record.INCLUDES.keys() - wanted))
    return record.model_dump(by_alias=True, exclude=set(left_out))


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise RefusedError(400, f"{name} must be a whole number")
    return int(text)


def _day(text: str) -> date:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, "lastModifiedDateFrom must be a day or an instant") from None
    return (instant.astimezone(UTC) if instant.tzinfo else instant).date()


def _matches(record: Record, query: Mapping[str, str]) -> bool:
    wanted = ((to_snake(name), text) for name, text in query.items() if name not in PAGING)
    return all(_text(getattr(record, name)) == text for name, text in wanted if name in type(record).model_fields)


def _text(value: object) -> str:
    return value if isinstance(value, str) else exact_json.write(value).strip('"')

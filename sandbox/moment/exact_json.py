"""JSON with exact decimals: amounts are never floats, in requests or responses."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from fastapi import Response


def read(text: bytes) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Read JSON with fractions as Decimal; raises ValueError for invalid JSON, including NaN and Infinity."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def write(value: object) -> str:
    """Write JSON with every Decimal as a plain number of the same digits, days and UTC instants in ISO form."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: {write(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(write, value)) + "]"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return write(value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        case date():
            return write(value.isoformat())
        case _:
            return json.dumps(value)


class JsonResponse(Response):
    """An HTTP response in such JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return write(content).encode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

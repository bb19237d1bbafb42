"""The reader of Moment's records; the error for an invalid value names the record and the field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Self, TypeVar

from i18n.messages import Message, joined, msg
from integrations.moment.field_labels import FIELD_LABELS
from sync.error_codes.names import MOMENT_VALUE
from sync.errors import RejectedError
from sync.rules.normalization import clean

T = TypeVar("T")

_CENT = Decimal("0.01")
_MAX_AMOUNT = Decimal(10) ** 12  # no invoice is that large, and arithmetic stays exact below it
_WHOLE = re.compile(r"[0-9]{1,12}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_ID = 10**19
_MAX_TEXT_LENGTH = 4000
_MAX_SHOWN_LENGTH = 80


def record_id(value: object) -> str:
    """Return an id as text that is safe in a path, empty for an invalid id."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < _MAX_ID else ""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one record. Reading an invalid one raises RejectedError with the ``remedy``.

    ``record`` is Moment's id, and ``part`` the part with these fields, such as "invoice line 2", if not the whole.
    """

    values: Mapping[str, object]
    remedy: Message
    record: object
    part: Message | None = None

    def refused(self, problem: Message) -> RejectedError:
        where = msg("Moment record {id}", id=_display(self.record))
        if self.part:
            where = joined(self.part, where, between=", ")
        return RejectedError(
            msg("{problem} ({where}).", problem=problem, where=where),
            error_code=MOMENT_VALUE,
            remedy=self.remedy,
        )

    def required(self, read: Callable[[str], T | None], name: str) -> T:
        """Read a field that must not be empty: ``fields.required(fields.text, "name")``."""
        value = read(name)
        if value is None or value == "":
            raise self.missing(name)
        return value

    def present(self, read: Callable[[str], T], name: str) -> T:
        """Read a field that must be present but may be empty: a missing field is not an empty one (M22)."""
        if name not in self.values:
            raise self.missing(name)
        return read(name)

    def missing(self, name: str) -> RejectedError:
        return self.refused(msg("The {field} is missing", field=FIELD_LABELS[name]))

    def text(self, name: str) -> str:
        """Read a text as one clean line, or a number as text; empty if the field is missing."""
        match self.values.get(name):
            case None:
                return ""
            case str() as text:
                return clean(text, max_length=_MAX_TEXT_LENGTH)
            case int() as number if not isinstance(number, bool):
                return str(number)
        raise self._wrong(name, msg("a text"))

    def key(self, name: str) -> str:
        """Read the id of another record; empty if the field is missing."""
        if self.values.get(name) is None:
            return ""
        key = record_id(self.values[name])
        if not key:
            raise self._wrong(name, msg("the id of a record"))
        return key

    def whole(self, name: str) -> int | None:
        """Read a whole number above zero, which may be text."""
        text = self.text(name)
        if not text:
            return None
        if not _WHOLE.fullmatch(text) or not int(text):
            raise self._wrong(name, msg("a whole number above zero"))
        return int(text)

    def number(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and -_MAX_AMOUNT < value < _MAX_AMOUNT:
            return Decimal(value)
        raise self._wrong(name, msg("a number within the usual range"))

    def money(self, name: str) -> Decimal | None:
        """Read an amount in units of its currency, with exactly two decimals."""
        number = self.number(name)
        if number is None:
            return None
        amount = number.quantize(_CENT)
        if amount != number:
            raise self._wrong(name, msg("an amount with at most two decimals"))
        return amount

    def day(self, name: str) -> date | None:
        """Read a day of the Oslo calendar."""
        text = self.text(name)
        if not text:
            return None
        try:
            # Python also accepts other ISO forms, such as week dates, which Moment never writes.
            return date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError:
            raise self._wrong(name, msg("a date in the format year-month-day")) from None

    def enum_value(self, name: str, table: Mapping[str, T], *, missing: T) -> T:
        """Read one of Moment's enum values. An unknown value is left to a person, never guessed."""
        value = self.text(name)
        if value and value not in table:
            raise self._wrong(name, msg("one of {words}", words=", ".join(table)))
        return table.get(value, missing)

    def lines(self, name: str) -> list[Self]:
        """Read a list that must be present but may be empty: a missing list is not an empty one."""
        rows = self.present(self.values.get, name) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._wrong(name, msg("a list"))
        return [
            replace(self, values=row, part=msg("invoice line {number}", number=number))
            for number, row in enumerate(rows, 1)
        ]

    def _wrong(self, name: str, expected: Message) -> RejectedError:
        shown = _display(self.values.get(name))
        return self.refused(
            msg(
                "The {field} is “{value}” instead of {wanted}",
                field=FIELD_LABELS[name],
                value=shown,
                wanted=expected,
            )
        )


def _display(value: object) -> str:
    return clean(str(value), max_length=_MAX_SHOWN_LENGTH)

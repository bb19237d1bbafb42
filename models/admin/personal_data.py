"""Personal data: the search for a person's name or email address in our database, in any spelling."""

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import Column, ColumnElement, Select, Table, Text, cast, or_, select, text, tuple_, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from models.database import Database
from models.schema import receiver_tables, user_tables  # noqa: F401 - their tables are searched too
from models.schema.search_terms import SearchTerms, matches, search_terms
from models.schema.tables import Base, LocalizedText, LocalizedTexts

NAMING_TYPES = LocalizedText | LocalizedTexts | JSONB | SearchTerms
NAMING_COLUMNS = frozenset(
    {
        "accepted_discrepancies.actor",
        "accepted_discrepancies.why",
        "alerts.recipient",
        "api_tokens.name",
        "connections.client_name",
        "connections.name",
        "connections.paused_by",
        "event_deliveries.answer",
        "operations.actor",
        "files.name",
        "notes.actor",
        "notes.text",
        "failed_sign_ins.email",
        "sync_jobs.party",
        "sync_jobs.record_name",
        "sync_jobs.record_number",
        "users.email",
    }
)
"""Text columns that may name a person; the other text columns hold enum values, ids and hashes."""

MIN_NAME_LENGTH = 3
"""Minimum letters of a name; a shorter name is part of too many other words."""

BATCH_SIZE = 200
"""Rows that are read in one transaction."""

REDACTED = "…"
"""The text that replaces a person's name."""

ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class PersonalDataMatch:
    """A column of a row that names a person, with its value; JSON as Python objects."""

    table: str
    key: tuple[Any, ...]
    column: str
    value: Any


class Person:
    """The person to search for, by all their names and addresses, in any case.

    Raises ValueError if one of them is too short.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = [" ".join(name.split()) for name in names]
        self._plain = [_normalized(name) for name in names]
        if any(len(name) < MIN_NAME_LENGTH for name in self._plain):
            raise ValueError(f"A name has at least {MIN_NAME_LENGTH} letters.")

    def is_named_in(self, value: Any) -> bool:  # noqa: ANN401 - whatever JSON can hold
        """Return whether a text, or any text in a JSON value, names the person."""
        if isinstance(value, dict | list):
            return any(self.is_named_in(each) for each in (value.values() if isinstance(value, dict) else value))
        return isinstance(value, str) and any(name in _normalized(value) for name in self._plain)

    def has_terms_in(self, words: str | None) -> bool:
        """Return whether a job's search terms, as PostgreSQL writes them, contain all words of a name."""
        return any(all(f"'{word}'" in (words or "") for word in search_terms(name)) for name in self.names)

    def redact(self, value: Any) -> Any:  # noqa: ANN401 - the same
        """Remove the person from a text, or from every text in a JSON value, and leave the rest."""
        if isinstance(value, dict):
            return {key: self.redact(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.redact(each) for each in value]
        if not self.is_named_in(value):
            return value
        for name in self.names:
            value = re.sub(r"\s+".join(map(re.escape, name.split())), REDACTED, value, flags=re.IGNORECASE)
        return REDACTED if self.is_named_in(value) else value

    def may_be_named_in(self, column: Column[Any]) -> ColumnElement[bool]:
        """Return the SQL condition that a column may name the person; :meth:`is_named_in` decides on its value."""
        if isinstance(column.type, SearchTerms):
            return or_(*(matches(column, name, whole=True) for name in self.names))
        # the longest part of each name with the same spelling everywhere
        cores = [max(re.findall(r"[a-z0-9]+", name), key=len, default="") for name in self._plain]
        return or_(*(cast(column, Text).icontains(core, autoescape=True) for core in cores))


def find(database: Database, person: Person) -> Iterator[PersonalDataMatch]:
    for table in Base.metadata.sorted_tables:
        columns = [each for each in table.c if isinstance(each.type, NAMING_TYPES) or str(each) in NAMING_COLUMNS]
        if columns:
            yield from _in_table(database, person, table, columns)


def _in_table(
    database: Database, person: Person, table: Table, columns: Sequence[Column[Any]]
) -> Iterator[PersonalDataMatch]:
    keys = list(table.primary_key)
    read = [cast(each, Text) if isinstance(each.type, SearchTerms) else _raw(each) for each in columns]
    query = (
        select(*keys, *read).where(or_(*map(person.may_be_named_in, columns))).order_by(*keys).limit(BATCH_SIZE)
    )
    after: tuple[Any, ...] = ()
    while rows := _read_batch(database, query.where(tuple_(*keys) > after) if after else query):
        for (*key,) in rows:
            values = key[len(keys) :]
            after = tuple(key[: len(keys)])
            for column, value in zip(columns, values, strict=True):
                if (
                    person.has_terms_in(value)
                    if isinstance(column.type, SearchTerms)
                    else person.is_named_in(value)
                ):
                    yield PersonalDataMatch(table.name, after, column.name, value)


def _read_batch(database: Database, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """Read a batch of rows, with a longer timeout, because a scan of a large table takes minutes."""
    with database.transaction() as session:
        session.execute(text("set local statement_timeout = '15min'"))
        return session.execute(query).all()


def _raw(column: Column[Any]) -> ColumnElement[Any]:
    return type_coerce(column, JSONB) if isinstance(column.type, LocalizedText | LocalizedTexts) else column


def _normalized(text: str) -> str:
    """Undo the escapes of JSON, XML and URLs, and ignore case and white space."""
    unescaped = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return " ".join(unquote_plus(html.unescape(unescaped)).casefold().split())

"""The filter of jobs: by the conditions or the selection of a person, and by their scope."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, text

from models.enums import EntityType, JobState, Outcome, Scope
from models.schema.search_terms import matches
from models.schema.statements import within


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Jobs that meet every condition that is set; an empty condition matches all. Instants are in UTC.

    ``text`` contains beginnings of words in a name, or of numbers in either system. Jobs were received at
    ``until`` or before, last changed at ``updated_since`` or later, and dismissed exactly at ``dismissed_at``.
    Their documents are dated ``date_from`` to ``date_to``, both included. ``known`` is the name of a column, date
    or amount, that must be set.
    """

    scope: Scope = field(default_factory=Scope)
    ids: frozenset[int] | None = None
    connection_id: int | None = None
    entity_type: EntityType | None = None
    states: frozenset[JobState] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    error_code: str = ""
    with_warning: bool = False
    text: str = ""
    until: datetime | None = None
    updated_since: datetime | None = None
    dismissed_at: datetime | None = None
    date_from: date | None = None
    date_to: date | None = None
    known: str = ""

    @property
    def is_rare(self) -> bool:
        """Whether a condition is set that few jobs meet, and that has an index of its own."""
        pending = self.states and JobState.DONE not in self.states
        return bool(self.error_code or self.with_warning or self.updated_since or pending)

    @property
    def has_limited_scope(self) -> bool:
        """Whether it leaves out the jobs of some connections."""
        return self.connection_id is not None or self.scope.connections is not None

    @property
    def is_indexed(self) -> bool:
        """Whether an index finds the jobs if they are few."""
        return bool(self.is_rare or self.text or self.ids is not None or self.has_limited_scope)

    @property
    def is_by_date_only(self) -> bool:
        """Whether the date is the condition that fewest jobs meet."""
        dated = self.date_from or self.date_to
        return bool(dated and not (self.is_rare or self.text or self.ids is not None))

    @property
    def columns(self) -> Iterator[str]:
        """The columns that the conditions compare."""
        read = (
            ("connection_id", True),
            ("entity_type", self.entity_type),
            ("state", self.states),
            ("outcome", self.outcomes),
            ("error_code", self.error_code),
            ("warnings", self.with_warning),
            ("search_terms", self.text),
            ("received_at", self.until or self.updated_since),
            ("updated_at", self.updated_since),
            ("completed_at", self.updated_since or self.dismissed_at),
            ("record_date", self.date_from or self.date_to),
            (self.known, self.known),
        )
        return (name for name, is_read in read if is_read)

    def conditions(self, jobs: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the table, or some of its rows
        if self.entity_type:
            yield jobs.entity_type == self.entity_type
        yield from self.conditions_but_type(jobs)

    def conditions_but_type(self, jobs: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the same
        yield self.at_connections(jobs)
        if self.ids is not None:
            yield jobs.id.in_(self.ids)
        if self.states:
            yield jobs.state.in_(self.states)
        if self.outcomes:
            yield jobs.outcome.in_(self.outcomes)
        if self.error_code:
            yield jobs.error_code == self.error_code
        if self.with_warning:
            yield jobs.warnings != text("'[]'::jsonb")
        if self.text:
            yield matches(jobs.search_terms, self.text)
        if self.until:
            yield jobs.received_at <= self.until
        if self.updated_since:
            # the expression of the index
            yield (
                func.coalesce(jobs.updated_at, func.greatest(jobs.received_at, jobs.completed_at))
                >= self.updated_since
            )
        if self.dismissed_at:
            yield jobs.completed_at == self.dismissed_at
        yield from self.dated(jobs)

    def dated(self, jobs: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the same
        if self.known:
            yield getattr(jobs, self.known).is_not(None)
        if self.date_from:
            yield jobs.record_date >= self.date_from
        if self.date_to:
            yield jobs.record_date <= self.date_to

    def at_connections(self, jobs: Any) -> ColumnElement[bool]:  # noqa: ANN401 - the same
        seen = within(self.scope, jobs.connection_id)
        return seen if self.connection_id is None else and_(seen, jobs.connection_id == self.connection_id)

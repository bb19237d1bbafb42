"""The words that every room shares: it stands on the language only, so that all may import it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from i18n.messages import Message, msg


class EntityType(StrEnum):
    """A kind of record, hence also the name of a flow, a task and a lane of every connection."""

    CUSTOMER = "customer"
    PROJECT = "project"
    INVOICE = "invoice"
    EXPENSE = "expense"


class Outcome(StrEnum):
    SYNCED = "synced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


SUCCESSFUL = (Outcome.SYNCED, Outcome.UNCHANGED, Outcome.SKIPPED)
"""The outcomes that leave or find a record in step."""


class JobState(StrEnum):
    """Where a job stands.

    ``QUEUED`` for a worker, ``RUNNING`` at one, ``WAITING`` for a dependency, ``RETRYING`` after a failure,
    ``DONE`` with a good outcome (it may be due for another look), ``NEEDS_ATTENTION`` until a person corrects
    something, and ``DISMISSED`` by a person who said that it stays as it is.
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    DONE = "done"
    NEEDS_ATTENTION = "needs_attention"
    DISMISSED = "dismissed"


PENDING = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING, JobState.RETRYING)
"""The states of a record that is on its way."""

UNFINISHED = (*PENDING, JobState.NEEDS_ATTENTION)


class Role(StrEnum):
    """What a person may do on the pages: look; try again, close and pause; or change settings and users too."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, other: Role) -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Scope:
    """The connections that a person sees, by their ids; None for all of them."""

    connections: frozenset[int] | None = None

    def allows(self, connection_id: int) -> bool:
        return self.connections is None or connection_id in self.connections


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """The changes of one kind of one connection, drained in order by one worker at a time."""

    connection_id: int
    entity_type: EntityType


@dataclass(frozen=True, slots=True)
class Record:
    """One record in the system that it comes from: Moment, or for an expense 24SevenOffice."""

    entity_type: EntityType
    id: str

    @property
    def name(self) -> Message:
        """What a person calls it as long as nobody has read it."""
        record = titled(self.entity_type, self.id)
        if self.entity_type is EntityType.EXPENSE:
            return msg("{record} in 24SevenOffice", record=record)
        return msg("{record} in Moment", record=record)


def titled(entity_type: EntityType, name: str) -> Message:
    """Say the name or number of a record with what it is; an expense is known by its voucher."""
    match entity_type:
        case EntityType.CUSTOMER:
            return msg("Customer {name}", name=name)
        case EntityType.PROJECT:
            return msg("Project {name}", name=name)
        case EntityType.INVOICE:
            return msg("Invoice {name}", name=name)
        case EntityType.EXPENSE:
            return msg("Voucher {name}", name=name)


def plural_of(entity_type: EntityType) -> Message:
    match entity_type:
        case EntityType.CUSTOMER:
            return msg("customers")
        case EntityType.PROJECT:
            return msg("projects")
        case EntityType.INVOICE:
            return msg("invoices")
        case EntityType.EXPENSE:
            return msg("expenses")

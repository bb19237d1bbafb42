"""Enumerations and small values that all packages share. It imports only i18n, so every package can import it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from i18n.messages import Message, msg


class EntityType(StrEnum):
    """The type of a record. An `expense` is a voucher in 24SevenOffice whose costs become expenses in Moment."""

    CUSTOMER = "customer"
    PROJECT = "project"
    INVOICE = "invoice"
    EXPENSE = "expense"


class Outcome(StrEnum):
    """The outcome of an attempt.

    `synced`: the other system was changed. `unchanged`: there was nothing to change. `skipped`: the record must
    not be synced; `error_code` says why. `failed`: the attempt failed; `error_code` says why.
    """

    SYNCED = "synced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


SUCCESSFUL = (Outcome.SYNCED, Outcome.UNCHANGED, Outcome.SKIPPED)
"""The outcomes after which a record is in sync."""


class JobState(StrEnum):
    """The state of a job.

    `queued`: due for a worker. `running`: taken by a worker. `waiting`: for another record. `retrying`: after a
    failure. `done`: synced, unchanged or skipped; it may be checked again later. `needs_attention`: until a person
    corrects something. `dismissed`: by a person.
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    DONE = "done"
    NEEDS_ATTENTION = "needs_attention"
    DISMISSED = "dismissed"


PENDING = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING, JobState.RETRYING)
"""The states of a job that the integration has to process."""

UNFINISHED = (*PENDING, JobState.NEEDS_ATTENTION)


class Role(StrEnum):
    """A user's role on the pages: read; retry, dismiss and pause too; or change settings and users as well."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, other: Role) -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Scope:
    """The connections that a user may see, by id; None for all of them."""

    connections: frozenset[int] | None = None

    def allows(self, connection_id: int) -> bool:
        return self.connections is None or connection_id in self.connections


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """The jobs of one entity type of one connection, processed in order by one worker at a time."""

    connection_id: int
    entity_type: EntityType


@dataclass(frozen=True, slots=True)
class Record:
    """A record in its source system: Moment, or 24SevenOffice for an expense."""

    entity_type: EntityType
    id: str

    @property
    def name(self) -> Message:
        record = titled(self.entity_type, self.id)
        if self.entity_type is EntityType.EXPENSE:
            return msg("{record} in 24SevenOffice", record=record)
        return msg("{record} in Moment", record=record)


def titled(entity_type: EntityType, name: str) -> Message:
    """Return the name or number of a record with its type; an expense is named after its voucher."""
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

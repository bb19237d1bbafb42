"""The words that every room shares: it stands on the language only, so that all may import it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from language.said import Said, say


class Kind(StrEnum):
    """A kind of record, hence also the name of a flow, a task and a lane of every connection."""

    CUSTOMER = "customer"
    PROJECT = "project"
    INVOICE = "invoice"
    EXPENSE = "expense"


class Outcome(StrEnum):
    """How an attempt ended."""

    SYNCED = "synced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


WELL = (Outcome.SYNCED, Outcome.UNCHANGED, Outcome.SKIPPED)
"""The outcomes that leave or find a record in step."""


class State(StrEnum):
    """Where a change stands.

    ``WAITING`` for its time or a worker, ``WORKING`` in the hands of one, ``SETTLED`` with a good outcome,
    ``STUCK`` until a person mends the record, and ``CLOSED`` by a person who said that it stays as it is.
    """

    WAITING = "waiting"
    WORKING = "working"
    SETTLED = "settled"
    STUCK = "stuck"
    CLOSED = "closed"


class Role(StrEnum):
    """What a person may do on the pages: look; try again, close and pause; or change settings and users too."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, other: Role) -> bool:
        """Tell whether one with this role may do what the other may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Scope:
    """The connections that a person sees, by their ids; None for all of them."""

    connections: frozenset[int] | None = None

    def allows(self, connection_id: int) -> bool:
        """Tell whether a connection is among them."""
        return self.connections is None or connection_id in self.connections


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """The changes of one kind of one connection, drained in order by one worker at a time."""

    connection_id: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Record:
    """One record in the system that it comes from: Moment, or for an expense 24SevenOffice."""

    kind: Kind
    id: str

    @property
    def name(self) -> Said:
        """What a person calls it as long as nobody has read it."""
        record = named(self.kind, self.id)
        if self.kind is Kind.EXPENSE:
            return say("{record} in 24SevenOffice", record=record)
        return say("{record} in Moment", record=record)


def named(kind: Kind, name: str) -> Said:
    """Say the name or number of a record with what it is; an expense is known by its voucher."""
    match kind:
        case Kind.CUSTOMER:
            return say("Customer {name}", name=name)
        case Kind.PROJECT:
            return say("Project {name}", name=name)
        case Kind.INVOICE:
            return say("Invoice {name}", name=name)
        case Kind.EXPENSE:
            return say("Voucher {name}", name=name)


def several(kind: Kind) -> Said:
    """Say what many records of a kind are called."""
    match kind:
        case Kind.CUSTOMER:
            return say("customers")
        case Kind.PROJECT:
            return say("projects")
        case Kind.INVOICE:
            return say("invoices")
        case Kind.EXPENSE:
            return say("expenses")

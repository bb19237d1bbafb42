"""The tables. Only the verbs beside this module read and write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.finding import Words
from models.wording import Wording
from models.words import Kind


class Base(DeclarativeBase):
    """The tables. Text needs no length, instants carry a zone, dictionaries are JSON."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, str]]: JSONB,
    }


NOTHING = text("'\"\"'::jsonb")
"""The empty wording."""


def _connection() -> ForeignKey:
    return ForeignKey("connections.id", ondelete="CASCADE")


class ConnectionRow(Base):
    """One company's pair of systems. ``secrets`` is encrypted, ``token_hash`` finds the webhook's address.

    ``paused_by`` is who said so, empty for the bridge itself. ``failures`` counts unavailable answers in a row,
    ``down_since`` is when they began, ``rests_until`` when the next one may be risked, and ``down_told`` says that
    the addresses have been told. ``short_since`` and ``short_told`` say the same of requests that are used up.
    """

    __tablename__ = "connections"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    secrets: Mapped[str]
    paused_because: Mapped[str] = mapped_column(Wording, server_default=NOTHING)
    paused_by: Mapped[str] = mapped_column(server_default="")
    failures: Mapped[int] = mapped_column(server_default="0")
    down_since: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]
    down_told: Mapped[bool] = mapped_column(server_default=false())
    short_since: Mapped[datetime | None]
    short_told: Mapped[bool] = mapped_column(server_default=false())
    digest_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class LaneRow(Base):
    """Who drains a lane, and until when the claim holds if nothing is heard of the worker.

    ``synced_at`` is when a record of it came across last.
    """

    __tablename__ = "lanes"

    connection_id: Mapped[int] = mapped_column(_connection(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    claim: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None]
    synced_at: Mapped[datetime | None]


class NotificationRow(Base):
    """When Moment last told of a record of this kind, to the minute, at the webhook's present address."""

    __tablename__ = "notifications"

    connection_id: Mapped[int] = mapped_column(_connection(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class ChangeRow(Base):
    """The inbox: one row for a record, however often it changes.

    ``revision`` counts what was received and ``taken`` what the last worker saw of it: where they differ at
    the end of an attempt, the record is looked at again. ``tries`` and ``lost`` count failed attempts and
    vanished workers in a row; ``uncertain`` says that the last attempt may have saved something. ``reminders``
    counts the mails since ``stuck_since``, when it began to need a person. ``words`` are what it is found by: its
    name and its numbers in both systems. ``closed_because`` is what the person said who closed it; what was wrong
    stays beside it.
    """

    __tablename__ = "changes"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "record_id"),
        Index("changes_due", "due_at", "connection_id", "kind", postgresql_where=text("state = 'waiting'")),
        Index(
            "changes_waiting_for",
            "connection_id",
            "waits_for_kind",
            "waits_for_id",
            postgresql_where=text("waits_for_kind is not null"),
        ),
        Index("changes_latest", "kind", "received_at", "id"),
        Index("changes_of_connection", "connection_id", "kind", "received_at", "id"),
        Index(
            "changes_unsettled", "state", "connection_id", "reason", postgresql_where=text("state <> 'settled'")
        ),
        Index("changes_reason", "reason", postgresql_where=text("reason <> ''")),
        *(
            Index(
                f"changes_words_{kind}", "words", postgresql_using="gin", postgresql_where=text(f"kind = '{kind}'")
            )
            for kind in Kind
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int] = mapped_column(_connection())
    kind: Mapped[str]
    record_id: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int] = mapped_column(server_default="1")
    taken: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default="0")
    lost: Mapped[int] = mapped_column(server_default="0")
    uncertain: Mapped[bool] = mapped_column(server_default=false())
    alerted: Mapped[bool] = mapped_column(server_default=false())
    claim: Mapped[UUID | None]
    waits_for_kind: Mapped[str | None]
    waits_for_id: Mapped[str | None]
    title: Mapped[str] = mapped_column(Wording, server_default=NOTHING)
    words: Mapped[list[str] | None] = mapped_column(Words, deferred=True)
    outcome: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default="")
    message: Mapped[str] = mapped_column(Wording, server_default=NOTHING)
    remedy: Mapped[str] = mapped_column(Wording, server_default=NOTHING)
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    closed_because: Mapped[str] = mapped_column(Wording, server_default=NOTHING)
    stuck_since: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(server_default="0")


class AttemptRow(Base):
    """One try with its outcome; ``exchanges`` tells each call: its operation, request and response."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    seconds: Mapped[float]
    outcome: Mapped[str]
    reason: Mapped[str]
    message: Mapped[str] = mapped_column(Wording)
    exchanges: Mapped[list[dict[str, str]]] = mapped_column(server_default="[]")


class TallyRow(Base):
    """What became of a connection's attempts in an hour or a day of Oslo (``span``), which ``begins``; for charts.

    ``seconds`` adds up the time from event to outcome of those synced, ``longest`` is the longest of them.
    """

    __tablename__ = "tallies"
    __table_args__ = (Index("tallies_begin", "span", "begins"),)

    connection_id: Mapped[int] = mapped_column(_connection(), primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    begins: Mapped[datetime] = mapped_column(primary_key=True)
    synced: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    seconds: Mapped[float] = mapped_column(server_default="0")
    longest: Mapped[float] = mapped_column(server_default="0")


class LinkRow(Base):
    """This Moment record is that 24SevenOffice record.

    ``fingerprint`` is the hash of what was sent last, so that nothing is sent when nothing has changed.
    """

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "moment_id"),
        UniqueConstraint("connection_id", "kind", "remote_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int] = mapped_column(_connection())
    kind: Mapped[str]
    moment_id: Mapped[str]
    remote_id: Mapped[str]
    fingerprint: Mapped[str]
    updated_at: Mapped[datetime]


class FileRow(Base):
    """This document of a voucher has been brought to that expense in Moment, under this name."""

    __tablename__ = "files"

    connection_id: Mapped[int] = mapped_column(_connection(), primary_key=True)
    expense_id: Mapped[str] = mapped_column(primary_key=True)
    file_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    at: Mapped[datetime]


class CursorRow(Base):
    """How far a kind of a connection has been polled, and when it is polled again."""

    __tablename__ = "cursors"

    connection_id: Mapped[int] = mapped_column(_connection(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]


class AlertRow(Base):
    """What one address is told, gathered with others into a mail; ``fate`` says how that ended."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_unsent", "address", postgresql_where=text("ended_at is null")),
        Index("alerts_ended", "ended_at"),
        Index("alerts_of_connection", "connection_id", "ended_at"),
        Index("alerts_of_change", "change_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int] = mapped_column(_connection())
    change_id: Mapped[int | None] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"))
    address: Mapped[str]
    turn: Mapped[str]
    title: Mapped[str] = mapped_column(Wording)
    message: Mapped[str] = mapped_column(Wording)
    remedy: Mapped[str] = mapped_column(Wording)
    reason: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    fate: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    message_id: Mapped[str | None]


class ErrandRow(Base):
    """What a page asked of a remote system, which a worker does; ``answer`` is None until it is done.

    ``secrets`` is what was typed to try it and is not saved, encrypted, kept until then only.
    """

    __tablename__ = "errands"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int] = mapped_column(_connection(), index=True)
    kind: Mapped[str]
    who: Mapped[str]
    secrets: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    answer: Mapped[dict[str, Any] | None]
    answered_at: Mapped[datetime | None]


class AuditRow(Base):
    """Who did what and when: to a connection or one of its changes, or to the users; never a secret value."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_of_connection", "connection_id", "id"),
        Index("audit_of_change", "change_id", postgresql_where=text("change_id is not null")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[int | None] = mapped_column(_connection())
    change_id: Mapped[int | None] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(Wording)
    what: Mapped[str] = mapped_column(Wording)

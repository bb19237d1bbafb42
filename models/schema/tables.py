"""The tables of the database, which only the modules of :mod:`models` read and write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from i18n.messages import as_json, from_json
from models.enums import EntityType
from models.schema.record_summary import RecordSummaryColumns
from models.schema.search_terms import SearchTerms


class LocalizedText(TypeDecorator[str]):
    """Text that may be :class:`i18n.messages.Message`: stored with its template and values, for each language."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - SQLAlchemy's signature
        return None if value is None else as_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - the same
        return None if value is None else from_json(value)


class LocalizedTexts(TypeDecorator[tuple[str, ...]]):
    """A list of such texts."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - SQLAlchemy's signature
        return None if value is None else [as_json(each) for each in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ANN401, ARG002 - the same
        return None if value is None else tuple(map(from_json, value))


class Base(DeclarativeBase):
    """The base of the tables. Text has no length, instants have a time zone, dictionaries are JSON."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, str]]: JSONB,
    }


BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
ConnectionId = Annotated[int, mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))]
JobId = Annotated[int, mapped_column(ForeignKey("sync_jobs.id", ondelete="CASCADE"))]
Localized = Annotated[str, mapped_column(LocalizedText)]
LocalizedOrEmpty = Annotated[str, mapped_column(LocalizedText, server_default=text("'\"\"'::jsonb"))]
Warnings = Annotated[tuple[str, ...], mapped_column(LocalizedTexts, server_default=text("'[]'::jsonb"))]


class KeyedByLane:
    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)


class ConnectionRow(Base):
    """One company's pair of systems. ``secrets`` is encrypted, ``token_hash`` identifies the webhook's URL.

    ``paused_by`` is the user who paused it, empty for the integration. ``consecutive_failures`` counts batches in
    a row that found a system unavailable, ``outage_since`` is the first of them, ``breaker_open_until`` is when
    the next attempt is allowed, and ``outage_alerted`` whether an alert was sent. ``rate_limited_since`` and
    ``rate_limit_alerted`` are the same for requests that are used up. ``pause_alerted`` means that an alert about
    a pause was sent and nothing has synced since.

    A connection that ``shares_company`` is older than the rule that a Moment company has one connection; it
    cannot be resumed while another connection has its company. ``client_number`` is the 24SevenOffice client,
    which no other connection has, ``client_name`` its name; None and empty until a login or a test has shown them.
    Until ``webhook_limited_until``, records that are new are left to the polls. ``webhook_token_at`` is when the
    webhook's URL was last generated, None if that was before it was recorded. The last test began at ``tested_at``
    and found ``failed_checks`` errors; if ``failed_login``, only the credentials were checked. It paused itself at
    ``unproven_since``, None if a test or login has succeeded since. Moment's key was entered at
    ``api_key_saved_at``, None if unknown.
    """

    __tablename__ = "connections"
    __table_args__ = (
        Index(
            "connections_moment_company",
            text("lower(settings ->> 'moment_company')"),
            unique=True,
            postgresql_where=text("not shares_company"),
        ),
        Index("connections_client_number", "client_number", unique=True),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    secrets: Mapped[str]
    paused_because: Mapped[LocalizedOrEmpty]
    paused_by: Mapped[str] = mapped_column(server_default="")
    shares_company: Mapped[bool] = mapped_column(server_default=false())
    client_number: Mapped[int | None] = mapped_column(BigInteger)
    client_name: Mapped[str] = mapped_column(server_default="")
    consecutive_failures: Mapped[int] = mapped_column(server_default="0")
    outage_since: Mapped[datetime | None]
    breaker_open_until: Mapped[datetime | None]
    outage_alerted: Mapped[bool] = mapped_column(server_default=false())
    rate_limited_since: Mapped[datetime | None]
    rate_limit_alerted: Mapped[bool] = mapped_column(server_default=false())
    pause_alerted: Mapped[bool] = mapped_column(server_default=false())
    digest_at: Mapped[datetime | None]
    webhook_limited_until: Mapped[datetime | None]
    webhook_token_at: Mapped[datetime | None]
    tested_at: Mapped[datetime | None]
    failed_checks: Mapped[int] = mapped_column(server_default="0")
    failed_login: Mapped[bool] = mapped_column(server_default="false")
    unproven_since: Mapped[datetime | None]
    api_key_saved_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self.settings["error_emails"])


class LaneRow(KeyedByLane, Base):
    """The lease of a lane; ``synced_at`` is when a record of it was last synced."""

    __tablename__ = "lanes"

    lease_id: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    synced_at: Mapped[datetime | None]


class WebhookActivityRow(KeyedByLane, Base):
    """When Moment's last webhook for this entity type arrived at the present URL, to the minute."""

    __tablename__ = "webhook_activity"

    at: Mapped[datetime]


class SyncJobRow(RecordSummaryColumns, Base):
    """The inbox: one row for each record, however often the record changes.

    ``revision`` counts how often the record was received, and ``leased_revision`` is the revision that the last
    worker saw: if they differ after an attempt, the record is tried again. It is tried at ``due_at``, whatever its
    state. ``failed_attempts`` and ``worker_crashes`` count consecutive ones. ``outcome_unknown`` means that the
    last attempt may have saved something; ``unfinished_since`` is when the job last became pending.
    :mod:`models.inbox.transitions` decides on these.

    ``sent_as`` is how an invoice was last posted, ``ledger`` or ``draft``, and ``sent_vat`` how its VAT was sent;
    both are written before the call. ``reminders`` counts the mails since ``needs_attention_since``.
    ``search_terms`` are the words and numbers that find it: its name and its numbers in both systems.
    ``dismissal_reason`` is the reason that a person gave for dismissing it; the last message is kept. ``warnings``
    are from the last attempt that set them. ``updated_at`` is the last event of the job; None if it is not known.
    """

    __tablename__ = "sync_jobs"
    __table_args__ = (
        UniqueConstraint("connection_id", "entity_type", "record_id"),
        Index(
            "sync_jobs_due", "due_at", "connection_id", "entity_type", postgresql_where=text("due_at is not null")
        ),
        Index(
            "sync_jobs_dependency",
            "connection_id",
            "dependency_type",
            "dependency_id",
            postgresql_where=text("dependency_type is not null"),
        ),
        Index("sync_jobs_latest", "entity_type", "received_at", "id"),
        Index("sync_jobs_of_connection", "connection_id", "entity_type", "received_at", "id"),
        Index(
            "sync_jobs_not_done",
            "state",
            "connection_id",
            "error_code",
            postgresql_where=text("state <> 'done'"),
            postgresql_include=["entity_type", "received_at", "id", "currency", "amount"],
        ),
        Index("sync_jobs_error_code", "error_code", postgresql_where=text("error_code <> ''")),
        Index("sync_jobs_updated", text("coalesce(updated_at, greatest(received_at, completed_at))")),
        Index("sync_jobs_by_date", "record_date", "id", postgresql_where=text("record_date is not null")),
        Index(
            "sync_jobs_by_day",
            "record_date",
            "received_at",
            "id",
            postgresql_where=text("record_date is not null"),
        ),
        Index("sync_jobs_by_amount", "amount", "id", postgresql_where=text("amount is not null")),
        Index("sync_jobs_with_warning", "connection_id", postgresql_where=text("warnings <> '[]'::jsonb")),
        *(
            Index(
                f"sync_jobs_search_terms_{entity_type}",
                "search_terms",
                postgresql_using="gin",
                postgresql_where=text(f"entity_type = '{entity_type}'"),
            )
            for entity_type in EntityType
        ),
    )

    id: Mapped[BigId]
    connection_id: Mapped[ConnectionId]
    entity_type: Mapped[str]
    record_id: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int] = mapped_column(server_default="1")
    leased_revision: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime | None]
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    worker_crashes: Mapped[int] = mapped_column(server_default="0")
    outcome_unknown: Mapped[bool] = mapped_column(server_default=false())
    sent_as: Mapped[str | None]
    sent_vat: Mapped[str | None]
    alerted: Mapped[bool] = mapped_column(server_default=false())
    unfinished_since: Mapped[datetime | None]
    lease_id: Mapped[UUID | None]
    dependency_type: Mapped[str | None]
    dependency_id: Mapped[str | None]
    title: Mapped[LocalizedOrEmpty]
    search_terms: Mapped[list[str] | None] = mapped_column(SearchTerms, deferred=True)
    outcome: Mapped[str | None]
    error_code: Mapped[str] = mapped_column(server_default="")
    message: Mapped[LocalizedOrEmpty]
    remedy: Mapped[LocalizedOrEmpty]
    warnings: Mapped[Warnings]
    received_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    dismissal_reason: Mapped[LocalizedOrEmpty]
    needs_attention_since: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(server_default="0")


class AttemptRow(Base):
    """One attempt with its outcome; ``calls`` has the operation, request and response of each call."""

    __tablename__ = "attempts"

    id: Mapped[BigId]
    job_id: Mapped[JobId] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    seconds: Mapped[float]
    outcome: Mapped[str]
    error_code: Mapped[str]
    message: Mapped[Localized]
    warnings: Mapped[Warnings]
    calls: Mapped[list[dict[str, str]]] = mapped_column(server_default="[]")


class StatisticsRow(Base):
    """The attempts of a connection in an hour or a day of Oslo (``granularity``) from ``starts_at``, by outcome.

    ``total_seconds`` is the sum of the times from event to outcome of those synced, ``max_seconds`` the longest.
    """

    __tablename__ = "statistics"
    __table_args__ = (Index("statistics_start", "granularity", "starts_at"),)

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    granularity: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    synced: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    total_seconds: Mapped[float] = mapped_column(server_default="0")
    max_seconds: Mapped[float] = mapped_column(server_default="0")


class LinkRow(Base):
    """This Moment record is that 24SevenOffice record; ``fingerprint`` is the hash of what was last sent.

    ``replaced_number`` is the customer number in Moment before the one of 24SevenOffice was returned to it.
    """

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("connection_id", "entity_type", "moment_id"),
        UniqueConstraint("connection_id", "entity_type", "remote_id"),
    )

    id: Mapped[BigId]
    connection_id: Mapped[ConnectionId]
    entity_type: Mapped[str]
    moment_id: Mapped[str]
    remote_id: Mapped[str] = mapped_column(Text(collation="C"))  # so that prefixes are found by the index
    fingerprint: Mapped[str]
    replaced_number: Mapped[str | None]
    updated_at: Mapped[datetime]


class FormerLinkRow(Base):
    """A link that was set aside because the connection was, or may have been, for another company or client.

    ``moment_company`` is that company. If an earlier version set the link aside, only the ids are known.
    """

    __tablename__ = "former_links"

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    moment_id: Mapped[str] = mapped_column(primary_key=True)
    remote_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(server_default="")
    moment_company: Mapped[str] = mapped_column(server_default="")
    set_aside_at: Mapped[datetime]


class UploadedDocumentRow(Base):
    """A voucher's document that was uploaded to an expense in Moment, and its name there."""

    __tablename__ = "files"

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    expense_id: Mapped[str] = mapped_column(primary_key=True)
    file_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    at: Mapped[datetime]


class CursorRow(KeyedByLane, Base):
    """The polling position of an entity type of a connection.

    ``polled_at`` is the last poll that succeeded, ``failing_since`` the first that failed after it, ``failures``
    the number of consecutive failures, ``problem`` the last error, and ``failure_alerted`` whether an alert was
    sent.
    """

    __tablename__ = "cursors"

    position: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[LocalizedOrEmpty]
    failure_alerted: Mapped[bool] = mapped_column(server_default=false())


class VatCheckRow(Base):
    """The status of a VAT code that a connection posts with, by the first voucher that had it.

    ``way`` is how its VAT was sent, as in the setting voucher_vat, and ``record_id`` its invoice.
    """

    __tablename__ = "vat_checks"

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    way: Mapped[str] = mapped_column(primary_key=True)
    vat_code: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    record_id: Mapped[str]
    checked_at: Mapped[datetime]


class AlertRow(Base):
    """An alert to one address; one mail may contain several. ``status`` is the status of the delivery.

    It is about a connection or, if ``connection_id`` is None, about the account of the user with that address.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_pending", "recipient", postgresql_where=text("ended_at is null")),
        Index("alerts_ended", "ended_at"),
        Index("alerts_of_connection", "connection_id", "ended_at"),
        Index("alerts_of_job", "job_id"),
    )

    id: Mapped[BigId]
    connection_id: Mapped[ConnectionId | None]
    job_id: Mapped[JobId | None]
    recipient: Mapped[str]
    type: Mapped[str]
    title: Mapped[Localized]
    message: Mapped[Localized]
    remedy: Mapped[Localized]
    error_code: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    status: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    message_id: Mapped[str | None]


class OperationRow(Base):
    """An operation that a page or a program requested and a worker runs; ``result`` is None until it is done.

    ``secrets`` is the encrypted input, kept until there is a result. ``progress`` is set by long operations.
    """

    __tablename__ = "operations"

    id: Mapped[BigId]
    connection_id: Mapped[ConnectionId] = mapped_column(index=True)
    type: Mapped[str]
    actor: Mapped[str]
    secrets: Mapped[str | None]
    requested_at: Mapped[datetime] = mapped_column(index=True)
    result: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any] | None]
    completed_at: Mapped[datetime | None]
    lease_id: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]


class AuditRow(Base):
    """An action of an ``actor`` on a connection, on one of its jobs, or on users; never a secret value."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("audit_log_of_connection", "connection_id", "id"),
        Index("audit_log_of_job", "job_id", postgresql_where=text("job_id is not null")),
    )

    id: Mapped[BigId]
    connection_id: Mapped[ConnectionId | None]
    job_id: Mapped[JobId | None]
    at: Mapped[datetime]
    actor: Mapped[Localized]
    action: Mapped[Localized]


class MissedWebhookRow(Base):
    """A modification of a record in Moment that a poll found before any webhook arrived."""

    __tablename__ = "missed_webhooks"
    __table_args__ = (Index("missed_webhooks_detected", "detected_at"),)

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    modified_at: Mapped[datetime] = mapped_column(primary_key=True)
    detected_at: Mapped[datetime]


class NightlyPollRow(KeyedByLane, Base):
    """The position of the nightly polls of a lane."""

    __tablename__ = "nightly_polls"

    position: Mapped[datetime]


class RestoredLaneRow(KeyedByLane, Base):
    """A lane that was restored from a backup: outcomes are unknown until its cursor is past that instant.

    The row stays, because a dependency may have been synced after the backup and never be polled again.
    """

    __tablename__ = "restored_lanes"

    restored_at: Mapped[datetime]


class BackupRow(Base):
    """A backup that was restored as a test and found complete; deploy/backup/backup.sh writes it."""

    __tablename__ = "backups"

    id: Mapped[BigId]
    verified_at: Mapped[datetime] = mapped_column(server_default=func.now())
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")


class MatchQuestionRow(Base):
    """A question that a job waits for: the ``candidates``, and the ``answer``, a candidate's number or "new".

    ``moment_record`` is the record as Moment had it at that time, and ``addresses`` are those of the candidates by
    their numbers; None if an earlier release asked. ``undone`` are the numbers that were chosen and undone.
    """

    __tablename__ = "match_questions"

    job_id: Mapped[JobId] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    candidates: Mapped[list[dict[str, str]]]
    answer: Mapped[str | None]
    moment_record: Mapped[dict[str, Any] | None]
    addresses: Mapped[dict[str, Any] | None]
    undone: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")


class NoteRow(Base):
    """A person's note on a record; it is deleted with the record's job."""

    __tablename__ = "notes"

    id: Mapped[BigId]
    job_id: Mapped[JobId] = mapped_column(index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    text: Mapped[str]


class AcceptanceRow(Base):
    """An accepted discrepancy: ``key`` identifies its subject, ``fingerprint`` its details."""

    __tablename__ = "accepted_discrepancies"

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    actor: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]

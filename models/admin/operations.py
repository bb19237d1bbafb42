"""Operations: work in the remote systems that a page or program requests and a worker does, with its result."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken
from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from i18n.messages import Day, Message, joined, msg
from models.connections.alert_outbox import Alert, queue_alert
from models.connections.repository import SECRET_FIELDS, Connection
from models.connections.settings import LOGIN_FIELDS, ConnectionSettings
from models.connections.vault import Vault
from models.database import Database
from models.enums import EntityType, Scope, plural_of
from models.pagination import Key, Page, following, paged, with_position_by_id
from models.receivers import outbox
from models.receivers.outbox import OutgoingEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.statements import build_from, within
from models.schema.tables import ConnectionRow, OperationRow

OperationResult = dict[str, Any]
"""A JSON object; sentences are as :func:`i18n.messages.as_json` returns them."""

PURPOSE = "operations.secrets"
"""The encryption purpose of the input, beside the ids of the connection and the operation."""

OPERATION_TIMEOUT = timedelta(hours=1)
"""How long after its request an operation is still run: as long as a person may wait for the result."""

MAX_LOGINS = 5
"""Logins that may be tried on a connection within ``OPERATION_TIMEOUT``, so that no password can be guessed."""

LOGIN_TRIED = "login_tried"
"""Key in the result of a saving that tried a secret: True, or a keyed hash of the login."""

REPEATED = "again"
"""Key in the input of an operation that is requested again because an earlier one produced no report."""


class OperationType(StrEnum):
    """The type of an operation.

    `diagnostics` tests a connection with its current settings. `clients` lists the clients that a login has access
    to. `saving` saves entered settings once both systems accept them. `reconciliation` compares the ledgers for a
    period; `monthly_reconciliation` starts automatically. `verification` verifies the credentials.
    `initial_matching` links the records that exist in both systems. `backfill` syncs the records of a period, and
    `backfill_preview` previews that.
    """

    DIAGNOSTICS = "diagnostics"
    CLIENTS = "clients"
    SAVING = "saving"
    RECONCILIATION = "reconciliation"
    MONTHLY_RECONCILIATION = "monthly_reconciliation"
    VERIFICATION = "verification"
    INITIAL_MATCHING = "initial_matching"
    BACKFILL = "backfill"
    BACKFILL_PREVIEW = "backfill_preview"


OPERATION_NAMES: Mapping[OperationType, Message] = {
    OperationType.DIAGNOSTICS: msg("Connection test"),
    OperationType.VERIFICATION: msg("Credentials check"),
    OperationType.CLIENTS: msg("Available clients"),
    OperationType.SAVING: msg("Settings check"),
    OperationType.RECONCILIATION: msg("Reconciliation"),
    OperationType.MONTHLY_RECONCILIATION: msg("Monthly reconciliation"),
    OperationType.INITIAL_MATCHING: msg("Initial matching"),
    OperationType.BACKFILL: msg("Earlier records"),
    OperationType.BACKFILL_PREVIEW: msg("Preview of earlier records"),
}

LOGINS = (OperationType.CLIENTS, OperationType.SAVING)
"""Operations with a login that was entered."""

LONG_OPERATIONS = (OperationType.BACKFILL,)
"""Operations that take longer than a person waits."""

LONG_OPERATION_TIMEOUT = timedelta(days=30)

SHORT_WAIT, LONG_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""How long to wait for a pending operation, a short or a long one, before another is requested."""

MAX_PENDING = 20
"""Operations of a connection that may be pending at a time; a program may request many."""

MAX_DISPATCHED = 2
"""Operations of a connection that workers run at a time. Long ones are counted separately and block no others."""

CANCELLED = "cancelled"
"""Key in the result of a cancelled operation."""

TESTS = (OperationType.DIAGNOSTICS, OperationType.VERIFICATION)
"""Operations that show whether a connection works."""

RECONCILIATIONS = (OperationType.RECONCILIATION, OperationType.MONTHLY_RECONCILIATION)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation; instants in UTC.

    ``input`` is what was entered in a form. Its secrets are kept until there is a result. ``progress`` has
    ``done`` and ``total`` of a long operation. A worker runs it until ``lease_expires_at``, unless it renews the
    lease.
    """

    id: int
    connection_id: int
    type: OperationType
    actor: str
    requested_at: datetime
    input: Mapping[str, str] = field(default_factory=dict, repr=False)
    result: OperationResult | None = None
    completed_at: datetime | None = None
    progress: Mapping[str, int] | None = None
    lease_expires_at: datetime | None = None


class OperationRunningError(Exception):
    """The operation cannot be cancelled now: a worker is saving the settings."""


class OperationEndedError(Exception):
    """The operation can no longer be cancelled: it has a result or was cancelled before."""


class OperationPendingError(Exception):
    """Another actor has requested the same operation with other input, and no worker has started it."""


class TooManyOperationsError(Exception):
    """Too many operations of the connection are pending; ``wait`` is how long to wait before the next request."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


class LoginTriesError(TooManyOperationsError):
    """Too many logins were tried within an hour; ``wait`` is how long until the next try."""


class Operations:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def request(
        self,
        type_: OperationType,
        connection_id: int,
        *,
        input_: Mapping[str, str] | None = None,
        actor: str,
        now: datetime,
        by_program: bool = False,
    ) -> int:
        """Request an operation and return its id; an equal one that has not started is reused.

        However often a button is clicked, only one operation is pending. An entered login is reused for the same
        actor only: otherwise another actor would learn that theirs is right. New input of the same actor replaces
        the old input, unless settings are saved or a program asks (``by_program``); then both are kept. An
        operation that writes to a system gets an audit entry.
        Raises OperationPendingError, LoginTriesError or TooManyOperationsError.
        """
        entered, recent = input_ or {}, OperationRow.requested_at >= now - OPERATION_TIMEOUT
        same_type = OperationRow.connection_id == connection_id, OperationRow.type == type_, recent
        waits = OperationRow.result.is_(None), OperationRow.lease_id.is_(None)
        with self._database.transaction() as session:
            session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
            waiting = session.scalars(select(OperationRow).where(*same_type, *waits).with_for_update()).all()
            alike = [each for each in waiting if type_ not in LOGINS or each.actor == actor]
            row = next((each for each in alike if self._read(each).input == entered), None)
            if row:
                return row.id
            row = waiting[0] if waiting and not by_program else None
            if row and type_ is OperationType.SAVING:
                row = None  # of two forms the first is saved, and the second gets an error
            if row and row.actor != actor:
                raise OperationPendingError
            if type_ in LOGINS and _has_secret(entered):
                self._expect_few_logins(session, connection_id, now=now, without=row)
            if row is None:
                since = now - OPERATION_TIMEOUT
                unfinished = OperationRow.connection_id == connection_id, *_unfinished(since=since)
                # Operations without input are not limited: only one of each type is pending anyway.
                pending = session.scalars(select(OperationRow.type).where(*unfinished)).all() if entered else ()
                if len(pending) >= MAX_PENDING:
                    raise TooManyOperationsError(LONG_WAIT if set(pending) <= set(LONG_OPERATIONS) else SHORT_WAIT)
                row = OperationRow(connection_id=connection_id, type=type_, actor=actor)
                session.add(row)
            row.requested_at = now
            session.flush()
            row.secrets = self._encrypted(row, entered) if entered else None
            audit_start(session, connection_id, type_, entered, actor=actor, now=now)
            return row.id

    def record_login(
        self, connection_id: int, values: Mapping[str, object], *, actor: str, now: datetime
    ) -> int | None:
        """Count a login in settings that are saved at once. Pass the returned id to :meth:`delete` to undo it.

        Return None if the actor saved the same login within the hour: it counts once. The same login of another
        actor counts again, because not counting it would reveal that it is right. Raises LoginTriesError if logins
        were tried ``MAX_LOGINS`` times in the last hour.
        """
        entered = {name: values[name] for name in sorted(LOGIN_FIELDS) if name in values}
        plain = {
            name: each.get_secret_value() if isinstance(each, SecretStr) else each
            for name, each in entered.items()
        }
        login = self._vault.keyed_hash(LOGIN_TRIED, str(connection_id), actor, json.dumps(plain))
        row = OperationRow(connection_id=connection_id, type=OperationType.SAVING, actor=actor)
        row.requested_at = row.completed_at = now
        row.result = {"findings": [], LOGIN_TRIED: login, "input": {}}
        known = exists().where(
            OperationRow.connection_id == connection_id,
            OperationRow.type == OperationType.SAVING,
            OperationRow.requested_at >= now - OPERATION_TIMEOUT,
            OperationRow.result[LOGIN_TRIED].astext == login,
        )
        with self._database.transaction() as session:
            session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
            if session.scalar(select(known)):
                return None
            self._expect_few_logins(session, connection_id, now=now)
            session.add(row)
            session.flush()
        return row.id

    def delete(self, operation_id: int) -> None:
        self._database.execute(delete(OperationRow).where(OperationRow.id == operation_id))

    def request_once(
        self,
        type_: OperationType,
        connection_id: int,
        *,
        input_: Mapping[str, str],
        since: datetime,
        again: datetime | None = None,
        now: datetime,
    ) -> int | None:
        """Request an operation of the integration itself, unless there is one from ``since`` (UTC) or later.

        Return its id until it has a result. If one from before ``again`` (UTC) produced no report, it is requested
        again, marked as :data:`REPEATED` in its input.
        """
        known = select(OperationRow).where(
            OperationRow.connection_id == connection_id,
            OperationRow.type == type_,
            OperationRow.requested_at >= since,
        )
        row = OperationRow(connection_id=connection_id, type=type_, actor="", requested_at=now)
        with self._database.transaction() as session:
            session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
            before = session.scalar(known.order_by(OperationRow.id.desc()).limit(1))
            if before:
                if before.result is None:
                    return before.id
                if "report" in before.result or again is None or before.requested_at >= again:
                    return None
            session.add(row)
            session.flush()
            row.secrets = self._encrypted(row, {**input_, REPEATED: "yes"} if before else input_)
        return row.id

    def get(self, operation_id: int) -> Operation | None:
        with self._database.transaction() as session:
            row = session.get(OperationRow, operation_id)
        return self._read(row) if row else None

    def acquire(self, operation_id: int, *, now: datetime, until: datetime) -> tuple[Operation, UUID] | None:
        """Lease an operation to a worker and return it; its input can no longer be replaced.

        Return None if it was deleted, has a result or is running, or if another reconciliation of the connection
        runs: only one runs at a time.
        """
        with self._database.transaction() as session:
            known = session.get(OperationRow, operation_id)
            if known is None:
                return None
            session.get(ConnectionRow, known.connection_id, with_for_update=FOR_NO_KEY_UPDATE)
            running = exists().where(
                OperationRow.connection_id == known.connection_id,
                OperationRow.type.in_(RECONCILIATIONS),
                OperationRow.result.is_(None),
                OperationRow.lease_expires_at > now,
            )
            free = OperationRow.lease_expires_at.is_(None) | (OperationRow.lease_expires_at <= now)
            if known.type in RECONCILIATIONS:
                free &= ~running
            query = select(OperationRow).where(
                OperationRow.id == operation_id, OperationRow.result.is_(None), free
            )
            row = session.scalar(query.with_for_update().execution_options(populate_existing=True))
            if row is None:
                return None
            lease_id = uuid4()
            row.lease_id, row.lease_expires_at = lease_id, until
        return self._read(row), lease_id

    def renew(self, operation_id: int, lease_id: UUID, *, until: datetime) -> bool:
        """Renew the lease of a running operation; False if another worker has it or it has ended."""
        leased = OperationRow.id == operation_id, OperationRow.lease_id == lease_id
        renewed = update(OperationRow).where(*leased).values(lease_expires_at=until).returning(OperationRow.id)
        with self._database.transaction() as session:
            return session.scalar(renewed) is not None

    def release(self, operation_id: int, lease_id: UUID) -> None:
        leased = OperationRow.id == operation_id, OperationRow.lease_id == lease_id
        self._database.execute(update(OperationRow).where(*leased).values(lease_id=None, lease_expires_at=None))

    def latest(self, connection_id: int, *types: OperationType) -> Operation | None:
        """Return the last operation of these types requested for a connection, with or without a result."""
        of_types = (OperationRow.connection_id == connection_id, OperationRow.type.in_(types))
        with self._database.transaction() as session:
            row = session.scalar(select(OperationRow).where(*of_types).order_by(OperationRow.id.desc()).limit(1))
        return self._read_even_unreadable(row) if row else None

    def pending(self, connection_id: int | None = None, *, since: datetime) -> Sequence[int]:
        """Return the operations, of all connections or of one, requested since an instant that have no result."""
        query = select(OperationRow.id).where(*_unfinished(since=since)).order_by(OperationRow.id)
        if connection_id is not None:
            query = query.where(OperationRow.connection_id == connection_id)
        return self._database.scalars(query)

    def next_in_turn(self, operation_ids: Collection[int], *, since: datetime) -> Sequence[int]:
        """Return the operations that fewer than ``MAX_DISPATCHED`` pending ones of their connection precede.

        Operations from before ``since`` do not count, and long ones precede only long ones.
        """
        earlier = aliased(OperationRow)
        ahead = select(func.count()).where(
            earlier.connection_id == OperationRow.connection_id,
            earlier.type.in_(LONG_OPERATIONS) == OperationRow.type.in_(LONG_OPERATIONS),
            earlier.id < OperationRow.id,
            *_unfinished(earlier, since=since),
        )
        query = select(OperationRow.id).where(
            OperationRow.id.in_(operation_ids), ahead.scalar_subquery() < MAX_DISPATCHED
        )
        return self._database.scalars(query.order_by(OperationRow.id))

    def complete(
        self,
        operation_id: int,
        result: OperationResult,
        *,
        now: datetime,
        alert: Alert | None = None,
        event: OutgoingEvent | None = None,
    ) -> None:
        """Save the result of an operation, once. The secrets in its input are deleted."""
        with self._database.transaction() as session:
            row = session.get(OperationRow, operation_id, with_for_update=True)
            if row is None or row.result is not None:
                return
            _end(row, result, self._read(row).input, now=now)
            row.lease_id = row.lease_expires_at = None
            if alert:
                queue_alert(session, row.connection_id, alert, job_id=None, now=now)
            if event:
                outbox.record(session, row.connection_id, [event], now=now)

    def report_progress(self, operation_id: int, *, done: int, total: int) -> None:
        running = update(OperationRow).where(OperationRow.id == operation_id, OperationRow.result.is_(None))
        self._database.execute(running.values(progress={"done": done, "total": total}))

    def cancel(self, operation_id: int, *, actor: str, now: datetime) -> None:
        """Cancel an operation. A worker that runs it stops when it can, and its result is discarded.

        Raises OperationEndedError. Raises OperationRunningError if a worker may be saving settings, or if it is a
        monthly reconciliation, which the integration itself requests.
        """
        with self._database.transaction() as session:
            row = session.get(OperationRow, operation_id, with_for_update=True)
            is_leased = row and row.lease_expires_at and row.lease_expires_at > now
            if row is None or row.result is not None:
                raise OperationEndedError
            if is_leased and row.type == OperationType.SAVING:
                raise OperationRunningError
            if row.type == OperationType.MONTHLY_RECONCILIATION:
                raise OperationRunningError
            _end(row, {"findings": [], CANCELLED: True}, self._read_even_unreadable(row).input, now=now)
            name = OPERATION_NAMES[OperationType(row.type)]
            action = msg("Cancelled: {type} (no. {number})", type=name, number=row.id)
            add_entry(session, at=now, actor=actor, action=action, connection_id=row.connection_id)

    def page(
        self,
        scope: Scope,
        *,
        types: Collection[OperationType] = (),
        key: Key | None = None,
        size: int,
        with_place: bool = False,
    ) -> Page[Operation]:
        """Return a page of the operations of some connections, latest request first."""
        query = select(OperationRow).where(within(scope, OperationRow.connection_id))
        query = query.where(OperationRow.type.in_(types)) if types else query

        def fetch(key: Key | None, limit: int) -> Sequence[Operation]:
            with self._database.transaction() as session:
                rows = session.scalars(following(query, (OperationRow.id,), key=key).limit(limit)).all()
            return [self._read_even_unreadable(row) for row in rows]

        found = paged(fetch, key=key, at=lambda each: (each.requested_at, each.id), size=size)
        return (
            with_position_by_id(found, query, OperationRow.id, self._database.rows_in_time)
            if with_place
            else found
        )

    def delete_old_logins(self, *, before: datetime) -> None:
        """Delete the entered logins of operations from before an instant that have no result."""
        old = OperationRow.requested_at < before, OperationRow.type.in_(LOGINS), OperationRow.secrets.is_not(None)
        self._database.execute(update(OperationRow).where(*old).values(secrets=None))

    def rotate_keys(self) -> None:
        """Encrypt the input again with the newest key. Input that no key decrypts is deleted soon anyway."""
        with_input = select(OperationRow).where(OperationRow.secrets.is_not(None)).order_by(OperationRow.id)
        with self._database.transaction() as session:
            for row in session.scalars(with_input.with_for_update()):
                with suppress(InvalidToken):
                    row.secrets = self._vault.renew(row.secrets or "", PURPOSE, row.connection_id, row.id)

    def delete_old(self, *, before: datetime, reconciliations_before: datetime) -> None:
        """Delete operations from before an instant (UTC), and reconciliations with a report from before theirs."""
        has_report = OperationRow.type.in_(RECONCILIATIONS) & OperationRow.result.has_key("report")
        old = and_(~func.coalesce(has_report, False), OperationRow.requested_at < before)
        old |= OperationRow.requested_at < min(before, reconciliations_before)
        self._database.execute(delete(OperationRow).where(old))

    def _expect_few_logins(
        self, session: Session, connection_id: int, *, now: datetime, without: OperationRow | None = None
    ) -> None:
        """Raise LoginTriesError if too many logins were tried recently, not counting the one that is replaced."""
        logins = select(OperationRow).where(
            OperationRow.connection_id == connection_id,
            OperationRow.type.in_(LOGINS),
            OperationRow.requested_at >= now - OPERATION_TIMEOUT,
        )
        others = [each for each in session.scalars(logins) if each is not without]
        tried = sorted(
            each.requested_at
            for each in others
            if each.type == OperationType.CLIENTS
            or LOGIN_TRIED in (each.result or {})
            or _has_secret(self._read_even_unreadable(each).input)
        )
        if len(tried) >= MAX_LOGINS:
            raise LoginTriesError(tried[-MAX_LOGINS] + OPERATION_TIMEOUT - now)

    def _read(self, row: OperationRow) -> Operation:
        input_ = (row.result or {}).get("input", {})
        if row.secrets is not None:
            input_ = self._vault.decrypt_values(row.secrets, PURPOSE, row.connection_id, row.id)
        return build_from(Operation, row, type=OperationType(row.type), input=input_)

    def _read_even_unreadable(self, row: OperationRow) -> Operation:
        """Return an operation, without its input if that cannot be decrypted, so that the page still works."""
        try:
            return self._read(row)
        except InvalidToken:
            return build_from(Operation, row, type=OperationType(row.type), input={})

    def _encrypted(self, row: OperationRow, input_: Mapping[str, str]) -> str:
        return self._vault.encrypt_values(input_, PURPOSE, row.connection_id, row.id)


def audit_start(
    session: Session,
    connection_id: int,
    type_: OperationType,
    input_: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Add an audit entry for the start of an operation that writes to a system; a saving adds its own."""
    if action := _start_text(type_, input_):
        add_entry(session, at=now, actor=actor, action=action, connection_id=connection_id)


def _start_text(type_: OperationType, input_: Mapping[str, str]) -> Message | None:
    if type_ is OperationType.BACKFILL:
        first, last = (Day(date.fromisoformat(input_[name])) for name in ("first", "last"))
        types = [plural_of(EntityType(each)) for each in input_["entity_types"].split(",") if each]
        named = joined(*types, between=", ") if types else msg("all types")
        return msg("Started a backfill from {first} to {last}: {types}", first=first, last=last, types=named)
    if type_ is OperationType.INITIAL_MATCHING and not input_["dry_run"]:
        if input_["create"]:
            return msg("Started an initial matching that also syncs new records")
        return msg("Started an initial matching")
    return None


def _has_secret(input_: Mapping[str, str]) -> bool:
    return any(input_.get(name) for name in SECRET_FIELDS)


def _unfinished(row: type[OperationRow] = OperationRow, *, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions of a pending operation requested since an instant; a long one counts longer."""
    long = row.type.in_(LONG_OPERATIONS) & (row.requested_at >= since - LONG_OPERATION_TIMEOUT)
    return row.result.is_(None), (row.requested_at >= since) | long


def _end(row: OperationRow, result: OperationResult, input_: Mapping[str, str], *, now: datetime) -> None:
    """Save the result of an operation, and only whether it had secrets."""
    plain = {name: text for name, text in input_.items() if name not in SECRET_FIELDS}
    tried = {LOGIN_TRIED: True} if row.type == OperationType.SAVING and _has_secret(input_) else {}
    row.result, row.completed_at, row.secrets = {**result, **tried, "input": plain}, now, None


def saving_input(connection: Connection, values: Mapping[str, Any]) -> dict[str, str]:
    """Convert the settings that a program sends into the input of a saving."""
    after = ConnectionSettings.model_validate({**dict(connection.settings), **values})
    secrets = {name: getattr(after, name).get_secret_value() if name in values else "" for name in SECRET_FIELDS}
    changes = after.model_dump_json(include=set(values) - SECRET_FIELDS)
    return secrets | {"version": connection.updated_at.isoformat(), "changes": changes}

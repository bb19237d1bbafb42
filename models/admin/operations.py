"""Errands: what a page asks of the remote systems, to which only workers talk, and what they answered."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken
from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from i18n.messages import msg
from models.connections.alert_outbox import Alert, queue_alert
from models.connections.repository import SECRET_FIELDS, Connection
from models.connections.settings import LOGIN_FIELDS, ConnectionSettings
from models.connections.vault import Vault
from models.database import Database
from models.enums import Scope
from models.pagination import Key, Page, following, paged
from models.receivers import outbox
from models.receivers.outbox import OutgoingEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.statements import made_of, within
from models.schema.tables import ConnectionRow, OperationRow

OperationResult = dict[str, Any]
"""What JSON can hold; sentences are in it as :func:`i18n.messages.as_json` has them."""

PURPOSE = "operations.secrets"
"""What is typed is encrypted for, with the ids of the connection and of the operation."""

WORTHWHILE = timedelta(hours=1)
"""How long somebody may still wait for an answer."""

MAX_LOGINS = 5
"""How often typed logins may be tried on a connection within that time, or its clients would tell a password."""

LOGIN_TRIED = "login_tried"
"""What the result of a saving has along with which a secret was typed, of which at most a keyed hash is kept."""

AGAIN = "again"
"""What an errand is typed with that was asked before and came to nothing."""


class OperationType(StrEnum):
    """What is asked: how a connection does with the settings that it has, or which clients a login reaches.

    A saving asks that typed settings take effect once the systems accept them with the secrets typed along.
    A comparison asks whether the books agree in some days, and so does the one that beat asks for once a month.
    A verification tries the credentials out. An initial matching links what both systems have, and a backfill
    brings the records of a period, of which a preview says what would become.
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


LOGINS = (OperationType.CLIENTS, OperationType.SAVING)
"""What is asked with a login that somebody has typed."""

LONG = (OperationType.BACKFILL,)
"""What goes on for longer than somebody waits for an answer."""

LONG_WORTHWHILE = timedelta(days=30)

SHORT_WAIT, LONG_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""When there may be room again for another operation: one of those that wait has ended, or one that is long."""

MAX_PENDING = 20
"""Operations of a connection that may be without a result at a time; a program may ask for many."""

MAX_DISPATCHED = 2
"""Operations of a connection at workers at a time, and as many long ones, so that no other stands behind all."""

CANCELLED = "cancelled"
"""What the result of an operation has that somebody has cancelled."""

TESTS = (OperationType.DIAGNOSTICS, OperationType.VERIFICATION)
"""What shows whether a connection works."""

RECONCILIATIONS = (OperationType.RECONCILIATION, OperationType.MONTHLY_RECONCILIATION)


@dataclass(frozen=True, slots=True)
class Operation:
    """One errand; instants in UTC.

    ``input`` is what somebody has entered in a form and not saved: with its secrets until there is an answer, and
    without them afterwards. ``progress`` tells ``done`` and ``total`` of one that goes on for long. A worker runs
    it until ``lease_expires_at``, unless it renews the lease.
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
    """An operation cannot be cancelled now: a worker is saving what it asks."""


class OperationEndedError(Exception):
    """An operation cannot be cancelled any more: it has a result, or was cancelled before."""


class OperationPendingError(Exception):
    """Somebody else has asked the same of the connection with other input, and no worker has begun with it."""


class TooManyOperationsError(Exception):
    """Too many operations of the connection wait; ``wait`` is until it is worth while to ask again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


class LoginTriesError(TooManyOperationsError):
    """Typed logins were tried too often within an hour; ``wait`` is until the next may be."""


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
        """Request an operation, unless one that asks the same has not begun, and return its number.

        So that no number of clicks makes more than one wait. A typed login is the same for its own actor only, or
        it would tell somebody else that theirs is right. Who asks anew with other input replaces their own,
        unless it is settings to be saved, or a program asks (``by_program``), which means both.

        Raises:
            OperationPendingError: one with other input, which somebody else has requested, has not begun.
            LoginTriesError: logins were tried ``MAX_LOGINS`` times in the last hour.
            TooManyOperationsError: ``MAX_PENDING`` operations have no result.
        """
        asked, recent = input_ or {}, OperationRow.requested_at >= now - WORTHWHILE
        same_type = OperationRow.connection_id == connection_id, OperationRow.type == type_, recent
        waits = OperationRow.result.is_(None), OperationRow.lease_id.is_(None)
        with self._database.transaction() as session:
            session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
            waiting = session.scalars(select(OperationRow).where(*same_type, *waits).with_for_update()).all()
            alike = [each for each in waiting if type_ not in LOGINS or each.actor == actor]
            row = next((each for each in alike if self._read(each).input == asked), None)
            if row:
                return row.id
            row = waiting[0] if waiting and not by_program else None
            if row and type_ is OperationType.SAVING:
                row = None  # of two forms the first is saved, and the second one is told so
            if row and row.actor != actor:
                raise OperationPendingError
            if type_ in LOGINS and _has_secret(asked):
                self._expect_few_logins(session, connection_id, now=now, without=row)
            if row is None:
                unfinished = OperationRow.connection_id == connection_id, *_unfinished(since=now - WORTHWHILE)
                # What has no input is not limited: only one of its type waits anyway.
                pending = session.scalars(select(OperationRow.type).where(*unfinished)).all() if asked else ()
                if len(pending) >= MAX_PENDING:
                    raise TooManyOperationsError(LONG_WAIT if set(pending) <= set(LONG) else SHORT_WAIT)
                row = OperationRow(connection_id=connection_id, type=type_, actor=actor)
                session.add(row)
            row.requested_at = now
            session.flush()
            row.secrets = self._locked(row, asked) if asked else None
            return row.id

    def record_login(
        self, connection_id: int, values: Mapping[str, object], *, actor: str, now: datetime
    ) -> int | None:
        """Count a login that is among settings saved at once, and return the number to :meth:`forget` it by.

        None where the actor has saved the same within the hour, which counts once. Another actor's counts anew:
        not to count it would say that it is right. Raises LoginTriesError where logins were tried ``MAX_LOGINS``
        times in the last hour.
        """
        login = self._vault.keyed_hash(LOGIN_TRIED, str(connection_id), actor, _login_in(values))
        row = OperationRow(connection_id=connection_id, type=OperationType.SAVING, actor=actor)
        row.requested_at = row.completed_at = now
        row.result = {"findings": [], LOGIN_TRIED: login, "input": {}}
        known = exists().where(
            OperationRow.connection_id == connection_id,
            OperationRow.type == OperationType.SAVING,
            OperationRow.requested_at >= now - WORTHWHILE,
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

    def forget(self, operation_id: int) -> None:
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
        """Write down an errand of the bridge's own, unless there is one of an instant from ``since`` (UTC) on.

        Its number is told until it is answered. One from before ``again`` (UTC) that came to no report is asked
        anew; ``input_`` says then that it is.
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
            row.secrets = self._locked(row, {**input_, AGAIN: "yes"} if before else input_)
        return row.id

    def get(self, operation_id: int) -> Operation | None:
        """Read an errand; None for one that is not there, or no longer."""
        with self._database.transaction() as session:
            row = session.get(OperationRow, operation_id)
        return self._read(row) if row else None

    def acquire(self, operation_id: int, *, now: datetime, until: datetime) -> tuple[Operation, UUID] | None:
        """Lease an operation to a worker, and return it as it is from now on: nobody replaces what runs.

        None where it is gone, has a result or runs, or another reconciliation of the connection does: of those one
        runs at a time.
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
        """Keep the lease of an operation that runs; False where another worker has it, or it has ended."""
        held = OperationRow.id == operation_id, OperationRow.lease_id == lease_id
        kept = update(OperationRow).where(*held).values(lease_expires_at=until).returning(OperationRow.id)
        with self._database.transaction() as session:
            return session.scalar(kept) is not None

    def release(self, operation_id: int, lease_id: UUID) -> None:
        """Give back the lease of an operation that came to no result."""
        held = OperationRow.id == operation_id, OperationRow.lease_id == lease_id
        self._database.execute(update(OperationRow).where(*held).values(lease_id=None, lease_expires_at=None))

    def latest(self, connection_id: int, *types: OperationType) -> Operation | None:
        """Read what was asked of a connection last, of these, whether or not there is an answer."""
        asked = (OperationRow.connection_id == connection_id, OperationRow.type.in_(types))
        with self._database.transaction() as session:
            row = session.scalar(select(OperationRow).where(*asked).order_by(OperationRow.id.desc()).limit(1))
        return self._shown(row) if row else None

    def pending(self, *, since: datetime) -> Sequence[int]:
        """Return the errands that were asked from this instant on and have no answer yet."""
        query = select(OperationRow.id).where(*_unfinished(since=since))
        return self._database.scalars(query.order_by(OperationRow.id))

    def next_in_turn(self, operation_ids: Collection[int], *, since: datetime) -> Sequence[int]:
        """Return those of these before which fewer than ``MAX_DISPATCHED`` of their connection stand.

        What was asked before ``since`` stands before none, and long ones stand before long ones only.
        """
        before = aliased(OperationRow)
        standing = select(func.count()).where(
            before.connection_id == OperationRow.connection_id,
            before.type.in_(LONG) == OperationRow.type.in_(LONG),
            before.id < OperationRow.id,
            *_unfinished(before, since=since),
        )
        query = select(OperationRow.id).where(
            OperationRow.id.in_(operation_ids), standing.scalar_subquery() < MAX_DISPATCHED
        )
        return self._database.scalars(query.order_by(OperationRow.id))

    def pending_of(self, connection_id: int, *, since: datetime) -> Sequence[int]:
        """Return the operations of a connection that were asked from this instant on and have no result yet."""
        query = select(OperationRow.id).where(
            OperationRow.connection_id == connection_id, *_unfinished(since=since)
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
        """Give an errand its answer, once, and tell of it; the secrets in what was typed are forgotten."""
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
        """Note how far an operation has come."""
        come = update(OperationRow).where(OperationRow.id == operation_id, OperationRow.result.is_(None))
        self._database.execute(come.values(progress={"done": done, "total": total}))

    def cancel(self, operation_id: int, *, actor: str, now: datetime) -> None:
        """End an operation without a result; a worker that runs it stops where it can, and its result is dropped.

        Raises OperationEndedError, or OperationRunningError where a worker may be saving settings; and for a
        comparison of the integration's own.
        """
        with self._database.transaction() as session:
            row = session.get(OperationRow, operation_id, with_for_update=True)
            held = row and row.lease_expires_at and row.lease_expires_at > now
            if row is None or row.result is not None:
                raise OperationEndedError
            if held and row.type == OperationType.SAVING:
                raise OperationRunningError
            if row.type == OperationType.MONTHLY_RECONCILIATION:
                raise OperationRunningError
            _end(row, {"findings": [], CANCELLED: True}, self._shown(row).input, now=now)
            action = msg("Cancelled operation {number} ({type})", number=row.id, type=row.type)
            add_entry(session, at=now, actor=actor, action=action, connection_id=row.connection_id)

    def page(
        self, scope: Scope, *, types: Collection[OperationType] = (), key: Key | None = None, size: int
    ) -> Page[Operation]:
        """Return a page of the operations of some connections, those requested last first."""
        query = select(OperationRow).where(within(scope, OperationRow.connection_id))
        query = query.where(OperationRow.type.in_(types)) if types else query

        def fetch(key: Key | None, limit: int) -> Sequence[Operation]:
            with self._database.transaction() as session:
                rows = session.scalars(following(query, (OperationRow.id,), key=key).limit(limit)).all()
            return [self._shown(row) for row in rows]

        return paged(fetch, key=key, at=lambda each: (each.requested_at, each.id), size=size)

    def forget_unanswered(self, *, before: datetime) -> None:
        """Forget the logins that were typed before an instant and came to no result."""
        typed = OperationRow.type.in_(LOGINS), OperationRow.secrets.is_not(None)
        old = OperationRow.requested_at < before, *typed
        self._database.execute(update(OperationRow).where(*old).values(secrets=None))

    def rotate_keys(self) -> None:
        """Encrypt what was typed anew with the newest key; what no key opens is forgotten soon anyway."""
        typed = select(OperationRow).where(OperationRow.secrets.is_not(None)).order_by(OperationRow.id)
        with self._database.transaction() as session:
            for row in session.scalars(typed.with_for_update()):
                with suppress(InvalidToken):
                    row.secrets = self._locked(row, self._opened(row))

    def delete_old(self, *, before: datetime, reconciliations_before: datetime) -> None:
        """Drop what was asked before an instant (UTC), and reconciliations with a report before another one."""
        kept = OperationRow.type.in_(RECONCILIATIONS) & OperationRow.result.has_key("report")
        old = and_(~func.coalesce(kept, False), OperationRow.requested_at < before)
        old |= OperationRow.requested_at < min(before, reconciliations_before)
        self._database.execute(delete(OperationRow).where(old))

    def _expect_few_logins(
        self, session: Session, connection_id: int, *, now: datetime, without: OperationRow | None = None
    ) -> None:
        """Raise LoginTriesError where enough logins were tried lately, ``without`` one that is replaced."""
        logins = select(OperationRow).where(
            OperationRow.connection_id == connection_id,
            OperationRow.type.in_(LOGINS),
            OperationRow.requested_at >= now - WORTHWHILE,
        )
        others = [each for each in session.scalars(logins) if each is not without]
        tried = sorted(each.requested_at for each in others if self._tries_login(each))
        if len(tried) >= MAX_LOGINS:
            raise LoginTriesError(tried[-MAX_LOGINS] + WORTHWHILE - now)

    def _tries_login(self, row: OperationRow) -> bool:
        if row.type == OperationType.CLIENTS or LOGIN_TRIED in (row.result or {}):
            return True
        return _has_secret(self._shown(row).input)

    def _read(self, row: OperationRow) -> Operation:
        typed = (row.result or {}).get("input", {})
        if row.secrets is not None:
            typed = self._opened(row)
        return made_of(Operation, row, type=OperationType(row.type), input=typed)

    def _shown(self, row: OperationRow) -> Operation:
        """Return an operation, without what was typed where that cannot be opened: it holds up no page."""
        try:
            return self._read(row)
        except InvalidToken:
            return made_of(Operation, row, type=OperationType(row.type), input={})

    def _locked(self, row: OperationRow, typed: Mapping[str, str]) -> str:
        return self._vault.encrypt_values(typed, PURPOSE, row.connection_id, row.id)

    def _opened(self, row: OperationRow) -> dict[str, str]:
        return self._vault.decrypt_values(row.secrets or "", PURPOSE, row.connection_id, row.id)


def _login_in(values: Mapping[str, object]) -> str:
    told = {name: values[name] for name in sorted(LOGIN_FIELDS) if name in values}
    return json.dumps(
        {name: each.get_secret_value() if isinstance(each, SecretStr) else each for name, each in told.items()}
    )


def _has_secret(typed: Mapping[str, str]) -> bool:
    return any(typed.get(name) for name in SECRET_FIELDS)


def _unfinished(row: type[OperationRow] = OperationRow, *, since: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of an operation without a result, asked from an instant on; a long one long before."""
    long = row.type.in_(LONG) & (row.requested_at >= since - LONG_WORTHWHILE)
    return row.result.is_(None), (row.requested_at >= since) | long


def _end(row: OperationRow, result: OperationResult, typed: Mapping[str, str], *, now: datetime) -> None:
    """Give an operation its result, and keep of its secrets only that there were some."""
    plain = {name: text for name, text in typed.items() if name not in SECRET_FIELDS}
    tried = {LOGIN_TRIED: True} if row.type == OperationType.SAVING and _has_secret(typed) else {}
    row.result, row.completed_at, row.secrets = {**result, **tried, "input": plain}, now, None


def settings_to_try(connection: Connection, values: Mapping[str, Any]) -> dict[str, str]:
    """Put settings that a program gives into what a saving has as input."""
    after = ConnectionSettings.model_validate({**dict(connection.settings), **values})
    secrets = {name: getattr(after, name).get_secret_value() if name in values else "" for name in SECRET_FIELDS}
    changes = after.model_dump_json(include=set(values) - SECRET_FIELDS)
    return secrets | {"version": connection.updated_at.isoformat(), "changes": changes}

"""Connections, stored with their secrets encrypted: adding, changing, pausing and resuming them."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from pydantic import SecretStr
from sqlalchemy import ColumnElement, Update, case, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from i18n.messages import Message, joined, msg
from models.connections.alert_outbox import Alert, queue_alert
from models.connections.settings import ConnectionSettings, setting_that_changes_ledger
from models.connections.vault import Vault, hash_token
from models.database import Database
from models.enums import EntityType
from models.inbox import questions, vat_checks
from models.inbox.job_updates import restart_unfinished_of_types
from models.receivers import outbox
from models.receivers.outbox import EventType, OutgoingEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.statements import build_from
from models.schema.tables import ConnectionRow, LinkRow, WebhookActivityRow

log = structlog.get_logger()

SECRET_FIELDS = frozenset(
    name for name, field in ConnectionSettings.model_fields.items() if field.annotation is SecretStr
)

PURPOSE = "connections.secrets"
"""The encryption purpose of a connection's secrets, beside its id."""

NOT_STARTED = msg("It hasn't been started yet.")
"""The reason for which a new connection is paused until a person starts it."""

UNREADABLE = msg("The stored Moment API key and 24SevenOffice password can't be decrypted.")
"""The reason for which a connection is paused, within minutes, if no key decrypts its secrets."""

ONE_COMPANY, ONE_CLIENT = "connections_moment_company", "connections_client_number"
"""The unique indexes: one connection for each company in Moment and for each 24SevenOffice client."""

MAIL_SETTINGS = frozenset({"error_emails", "weekly_digest", "monthly_reconciliation", "language"})
"""The settings that do not affect the sync."""

MAX_NAME_LENGTH, MAX_REASON_LENGTH = 100, 200

API_KEY_LIFETIME = timedelta(days=730)
"""The longest that a Moment API key is valid."""

RENEWAL_NOTICE = timedelta(days=60)
"""How long before its expiry a key should be renewed."""


class UnknownConnectionError(LookupError):
    """The connection does not exist."""


class NameTakenError(ValueError):
    """Another connection has this name."""


class SettingRefusedError(ValueError):
    """The value of a ``setting`` is valid, but not allowed for this connection."""

    def __init__(self, setting: str, message: Message) -> None:
        super().__init__(message)
        self.setting = setting


class CompanyTakenError(SettingRefusedError):
    """Another connection has this company in Moment. Its name is not revealed."""

    def __init__(self) -> None:
        super().__init__(
            "moment_company",
            msg("There is already a connection for this Moment company. Contact your system administrator."),
        )


class ClientTakenError(SettingRefusedError):
    """Another connection has this 24SevenOffice client. Its name is not revealed."""

    def __init__(self) -> None:
        super().__init__(
            "identity_id",
            msg("Another connection uses this 24SevenOffice client. Contact your system administrator."),
        )


class OtherClientError(Exception):
    """The login is for another 24SevenOffice client than the connection's."""


class LinksExistError(SettingRefusedError):
    """The settings may be for another company or client, but there are links to records of the present one."""

    def __init__(self, setting: str) -> None:
        super().__init__(
            setting,
            msg(
                "These credentials may lead to another company, but this connection's links refer to customers, "
                "projects and vouchers of the previous one. Nothing was saved. Your system administrator must "
                "first set the links aside (connections unlink)."
            ),
        )


class FailedTestError(Exception):
    """The last test of the connection found errors; ``failed_checks`` is their number."""

    def __init__(self, failed_checks: int) -> None:
        super().__init__()
        self.failed_checks = failed_checks


class UnprovenError(Exception):
    """The connection paused itself, and no test or login has succeeded since."""


class ConcurrentUpdateError(Exception):
    """Another user has changed the settings since they were read."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One company's pair of systems, as in :class:`models.schema.tables.ConnectionRow`; instants in UTC.

    It is paused if ``paused_because`` is set. ``updated_at`` is the last change of its settings. If its secrets
    cannot be decrypted, it is ``unreadable``, its secrets are empty, and it can only be shown and corrected.
    """

    id: int
    name: str
    settings: ConnectionSettings
    updated_at: datetime
    paused_because: str = ""
    paused_by: str = ""
    breaker_open_until: datetime | None = None
    webhook_limited_until: datetime | None = None
    client_number: int | None = None
    client_name: str = ""
    api_key_saved_at: datetime | None = None
    webhook_token_at: datetime | None = None
    unreadable: bool = False

    def is_available(self, now: datetime) -> bool:
        """Return whether jobs and polls may be tried at ``now`` (UTC)."""
        return not self.paused_because and (self.breaker_open_until is None or self.breaker_open_until <= now)


class Connections:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._decrypted: dict[int, tuple[dict[str, Any], str, ConnectionSettings]] = {}

    def add(
        self,
        name: str,
        settings: ConnectionSettings,
        *,
        actor: str,
        now: datetime,
        started: bool = True,
        client_number: int | None = None,
    ) -> tuple[Connection, str]:
        """Add a connection. Return it with the token of its webhook URL, which is returned only here.

        A connection that is not ``started`` is paused until a user resumes it. ``client_number`` is the client
        that the login reaches, None if it was not tried. Raises NameTakenError, CompanyTakenError or
        ClientTakenError.
        """
        token = secrets.token_urlsafe(24)
        row = ConnectionRow(name=name, token_hash=hash_token(token), created_at=now, updated_at=now)
        row.client_number, row.api_key_saved_at = client_number, now
        row.paused_because, row.paused_by = ("", "") if started else (NOT_STARTED, actor)
        row.settings, row.secrets = _plain(settings), ""
        try:
            with self._database.transaction() as session:
                session.add(row)
                session.flush()
                row.secrets = self._encrypted(row.id, settings)
                _audit(session, row.id, actor=actor, what=msg("Added the connection"), now=now)
        except IntegrityError as error:
            if taken := _taken(error):
                raise taken from error
            raise NameTakenError(msg("A connection named {name} already exists.", name=name)) from error
        return self._from_row(row), token

    def get(self, connection_id: int) -> Connection:
        """Read a connection. Raises :class:`UnknownConnectionError`, and InvalidToken if it is unreadable."""
        with self._database.statement() as connection, Session(connection) as session:
            return self._from_row(_row(session, connection_id))

    def get_even_unreadable(self, connection_id: int) -> Connection:
        """Read a connection to show or correct it, even if unreadable. Raises :class:`UnknownConnectionError`."""
        with self._database.statement() as connection, Session(connection) as session:
            return self._read_even_unreadable(_row(session, connection_id))

    def get_by_name(self, name: str) -> Connection:
        """Read the connection with this name. Raises :class:`UnknownConnectionError`."""
        with self._database.transaction() as session:
            row = session.scalar(select(ConnectionRow).where(ConnectionRow.name == name))
        if row is None:
            raise UnknownConnectionError(f"There is no connection called {name}.")
        return self._from_row(row)

    def all(self) -> Sequence[Connection]:
        """List the readable connections by name. Unreadable connections are logged and left out."""
        return [each for each in self.all_even_unreadable() if not each.unreadable]

    def unreadable(self, connection_ids: Collection[int]) -> Collection[int]:
        """Return the ids of the given connections whose secrets no key decrypts."""
        with self._database.transaction() as session:
            rows = session.scalars(select(ConnectionRow).where(ConnectionRow.id.in_(connection_ids)))
            return {each.id for each in map(self._read_even_unreadable, rows) if each.unreadable}

    def all_even_unreadable(self) -> Sequence[Connection]:
        """List the connections by name, including the unreadable ones."""
        with self._database.transaction() as session:
            rows = session.scalars(select(ConnectionRow).order_by(ConnectionRow.name))
            return [self._read_even_unreadable(row) for row in rows]

    def update(
        self,
        connection_id: int,
        values: Mapping[str, Any],
        *,
        actor: str,
        now: datetime,
        seen: datetime | None = None,
        client_number: int | None = None,
    ) -> Connection:
        """Change some settings. If the integration paused the connection, it is resumed, because it was corrected.

        It stays paused if only the settings of mails change. ``seen`` is the ``updated_at`` of the settings that
        the actor saw, None to skip the check. ``client_number`` is the client that the login reaches with these
        settings, None if it was not tried.

        Raises CompanyTakenError, ClientTakenError, LinksExistError, UnknownConnectionError, ConcurrentUpdateError,
        or pydantic.ValidationError.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            if seen not in (None, row.updated_at):
                raise ConcurrentUpdateError
            before = self._read_even_unreadable(row)
            # Secrets that cannot be decrypted must be entered again.
            current = before.settings.model_dump(exclude=set(SECRET_FIELDS) if before.unreadable else None)
            after = ConnectionSettings.model_validate({**current, **values})
            _handle_move(session, row, before.settings, after, client_number=client_number, now=now)
            row.settings, row.secrets = _plain(after), self._encrypted(row.id, after)
            row.shares_company = row.shares_company and before.settings.moment_company == after.moment_company
            _refuse_taken(session)
            # The smallest step makes a new version of the settings for which the last test still counts.
            fields = ConnectionSettings.model_fields
            changed = {name for name in fields if getattr(before.settings, name) != getattr(after, name)}
            mails_only = changed <= MAIL_SETTINGS
            row.updated_at = before.updated_at + timedelta(microseconds=1) if mails_only else now
            if before.settings.login[::2] != after.login[::2]:
                row.client_name = ""
            if before.settings.moment_api_key != after.moment_api_key:
                row.api_key_saved_at = now
            switched_on = after.entity_types - before.settings.entity_types
            resumes = row.paused_because and not row.paused_by and not (changed and mails_only)
            restart_unfinished_of_types(session, row.id, after.entity_types if resumes else switched_on, now=now)
            if resumes:
                _record_resumed(session, row, now=now)
                row.paused_because, row.unproven_since = "", None
            for what in _differences(before.settings, after):
                _audit(session, row.id, actor=actor, what=what, now=now)
        return self._from_row(row)

    def save_client(self, connection_id: int, settings: ConnectionSettings, client_number: int) -> None:
        """Save the client that the login in ``settings`` reaches, unless the connection has another login now.

        Raises ClientTakenError or OtherClientError.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id)
            if row.client_number != client_number:
                row = _row(session, connection_id, lock=True)
            login = settings.username, settings.identity_id
            has_login = login == (row.settings["username"], row.settings["identity_id"])
            if row.client_number == client_number or not has_login:
                return
            if row.client_number is not None:
                raise OtherClientError(f"Connection {connection_id} is for another client of 24SevenOffice.")
            row.client_number = client_number
            _refuse_taken(session)

    def rename(self, connection_id: int, name: str, *, actor: str, now: datetime) -> None:
        """Rename a connection. Raises NameTakenError or UnknownConnectionError."""
        try:
            with self._database.transaction() as session:
                row = _row(session, connection_id, lock=True)
                if row.name != name:
                    what = msg("Renamed: {before} → {after}", before=row.name, after=name)
                    row.name = name
                    _audit(session, connection_id, actor=actor, what=what, now=now)
        except IntegrityError as error:
            raise NameTakenError(msg("A connection named {name} already exists.", name=name)) from error

    def save_client_name(self, connection_id: int, settings: ConnectionSettings, name: str) -> None:
        """Save the name of the client that this login reaches, unless the connection has changed since."""
        stored = ConnectionRow.settings
        same = (
            ConnectionRow.id == connection_id,
            stored["username"].astext == settings.username,
            stored["identity_id"].astext == settings.identity_id,
        )
        self._database.execute(update(ConnectionRow).where(*same).values(client_name=name))

    def regenerate_token(self, connection_id: int, *, actor: str, now: datetime) -> str:
        """Generate a new webhook URL and return its token. The old URL stops working at once."""
        token = secrets.token_urlsafe(24)
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            row.token_hash, row.webhook_token_at, row.webhook_limited_until = hash_token(token), now, None
            session.execute(delete(WebhookActivityRow).where(WebhookActivityRow.connection_id == connection_id))
            _audit(session, connection_id, actor=actor, what=msg("Regenerated the webhook URL"), now=now)
        return token

    def pause(self, connection_id: int, because: str, *, actor: str = "", now: datetime) -> bool:
        """Pause a connection until it is resumed; False if it was already paused. ``because`` may be empty."""
        because = because or msg("No reason given.")
        with self._database.transaction() as session:
            return pause(session, _row(session, connection_id, lock=True), because, actor=actor, now=now)

    def resume(self, connection_id: int, *, actor: str, now: datetime, despite_failed_test: bool = False) -> None:
        """Start or resume a connection. Its pending jobs continue.

        Raises CompanyTakenError and, unless ``despite_failed_test``, FailedTestError or UnprovenError.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            if row.paused_because:
                if row.failed_checks and not despite_failed_test:
                    raise FailedTestError(row.failed_checks)
                if row.unproven_since and not despite_failed_test:
                    raise UnprovenError
                restart_unfinished_of_types(session, connection_id, [*EntityType], now=now)
                _record_resumed(session, row, now=now)
            row.paused_because, row.paused_by, row.shares_company = "", "", False
            row.unproven_since = None
            _refuse_taken(session)
            if row.breaker_open_until:
                row.breaker_open_until = min(row.breaker_open_until, now)
            _audit(session, connection_id, actor=actor, what=msg("Resumed"), now=now)

    def save_test_result(self, connection_id: int, *, failed_checks: int, at: datetime) -> None:
        """Save the result of a test that began ``at`` an instant (UTC), unless a later one is saved."""
        latest = _update_if_not_tested_after(connection_id, at)
        change = latest.values(tested_at=at, failed_checks=failed_checks, failed_login=False)
        self._database.execute(
            change if failed_checks else change.values(unproven_since=_unproven_since_if_after(at))
        )

    def save_login_result(self, connection_id: int, *, works: bool, at: datetime) -> None:
        """Save whether the credentials worked at an instant (UTC), unless a test began later.

        This checks less than a test, so a success clears only a failure of the credentials.
        """
        latest, row = _update_if_not_tested_after(connection_id, at), ConnectionRow
        if works:
            change = latest.where(or_(row.failed_login, row.unproven_since <= at)).values(
                failed_checks=case((row.failed_login, 0), else_=row.failed_checks),
                failed_login=False,
                unproven_since=_unproven_since_if_after(at),
            )
        else:
            login_only = or_(row.failed_login, row.failed_checks == 0)
            change = latest.values(failed_checks=func.greatest(row.failed_checks, 1), failed_login=login_only)
        self._database.execute(change)

    def rotate_keys(self) -> tuple[int, Sequence[str]]:
        """Encrypt all secrets again; return how many, and the names of those whose secrets no key decrypts."""
        unreadable = []
        with self._database.transaction() as session:
            every = select(ConnectionRow).order_by(ConnectionRow.id).with_for_update(key_share=True)
            rows = session.scalars(every).all()
            for row in rows:
                try:
                    row.secrets = self._vault.renew(row.secrets, PURPOSE, row.id)
                except InvalidToken:
                    unreadable.append(row.name)
        return len(rows) - len(unreadable), unreadable

    def _encrypted(self, connection_id: int, settings: ConnectionSettings) -> str:
        secret = {name: getattr(settings, name).get_secret_value() for name in SECRET_FIELDS}
        return self._vault.encrypt_values(secret, PURPOSE, connection_id)

    def _from_row(self, row: ConnectionRow) -> Connection:
        return build_from(Connection, row, settings=self._settings(row), unreadable=False)

    def _read_even_unreadable(self, row: ConnectionRow) -> Connection:
        try:
            return self._from_row(row)
        except InvalidToken:
            log.error("secrets_unreadable", connection=row.id)  # noqa: TRY400 - expected, so no traceback
        hidden = ConnectionSettings.model_validate({**row.settings, **dict.fromkeys(SECRET_FIELDS, "hidden")})
        settings = hidden.model_copy(update=dict.fromkeys(SECRET_FIELDS, SecretStr("")))
        return build_from(Connection, row, settings=settings, unreadable=True)

    def _settings(self, row: ConnectionRow) -> ConnectionSettings:
        """Decrypt the settings, cached until they change, because they are read for every batch."""
        cached = self._decrypted.get(row.id)
        if cached is None or cached[:2] != (row.settings, row.secrets):
            secrets_ = self._vault.decrypt_values(row.secrets, PURPOSE, row.id)
            settings = ConnectionSettings.model_validate({**row.settings, **secrets_})
            cached = self._decrypted[row.id] = (row.settings, row.secrets, settings)
        return cached[2]


def pause(
    session: Session,
    row: ConnectionRow,
    because: str,
    *,
    actor: str = "",
    now: datetime,
    alert: Alert | None = None,
) -> bool:
    """Pause a connection, whose row is locked; False if it was already paused.

    ``actor`` is the user, empty for the integration itself. A user also pauses a connection that the integration
    has paused, so that it does not resume by itself. The recipients of the ``alert`` also get one when the
    connection works again. An outage after that is counted from the start.
    """
    is_paused_by_integration = row.paused_because not in ("", NOT_STARTED) and not row.paused_by
    if row.paused_because and not (actor and is_paused_by_integration):
        return False
    row.paused_because, row.paused_by = because, actor
    if alert:
        row.pause_alerted, row.unproven_since = True, now
        row.consecutive_failures, row.outage_since, row.outage_alerted = 0, None, False
        row.rate_limited_since, row.rate_limit_alerted, row.breaker_open_until = None, False, None
        queue_alert(session, row.id, alert, job_id=None, now=now)
    what = msg("Paused: {because}", because=because)
    _audit(session, row.id, actor=actor or msg("the integration"), what=what, now=now)
    data = {
        "by": "person" if actor else "integration",
        "error_code": (alert.error_code or None) if alert else None,
    }
    outbox.record(session, row.id, [OutgoingEvent(EventType.CONNECTION_PAUSED, data)], now=now)
    return True


def _record_resumed(session: Session, row: ConnectionRow, *, now: datetime) -> None:
    """Record the end of a pause for receivers. If the pause was alerted, the event waits for a synced record."""
    if row.paused_because != NOT_STARTED and not row.pause_alerted:
        outbox.record(session, row.id, [OutgoingEvent(EventType.CONNECTION_RECOVERED)], now=now)


def _refuse_taken(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise _taken(error) or error from error


def _taken(error: IntegrityError) -> SettingRefusedError | None:
    if ONE_COMPANY in str(error.orig):
        return CompanyTakenError()
    return ClientTakenError() if ONE_CLIENT in str(error.orig) else None


def _handle_move(
    session: Session,
    row: ConnectionRow,
    before: ConnectionSettings,
    after: ConnectionSettings,
    *,
    client_number: int | None,
    now: datetime,
) -> None:
    """Reject settings for another company or client if there are links; without links, delete old answers.

    If the client of the new login is unknown, the next login saves it.
    """
    are_both_known = None not in (client_number, row.client_number)
    setting = setting_that_changes_ledger(
        before, after, same_client=client_number == row.client_number if are_both_known else None
    )
    if setting is None:
        row.client_number = client_number or row.client_number
        return
    if session.scalar(select(LinkRow.id).where(LinkRow.connection_id == row.id).limit(1)):
        raise LinksExistError(setting)
    questions.withdraw_all(session, row.id, now=now)
    vat_checks.delete_all(session, row.id)
    row.client_number = client_number


def _update_if_not_tested_after(connection_id: int, at: datetime) -> Update:
    later = ConnectionRow.tested_at > at
    return update(ConnectionRow).where(ConnectionRow.id == connection_id, or_(later.is_(None), ~later))


def _unproven_since_if_after(at: datetime) -> ColumnElement[datetime | None]:
    """Return ``unproven_since``, or None if it is before ``at``, when a test or a login succeeded."""
    return case((ConnectionRow.unproven_since > at, ConnectionRow.unproven_since))


def _plain(settings: ConnectionSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude=set(SECRET_FIELDS))


def _row(session: Session, connection_id: int, *, lock: bool = False) -> ConnectionRow:
    row = session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE if lock else None)
    if row is None:
        raise UnknownConnectionError(f"There is no connection with the number {connection_id}.")
    return row


def _audit(session: Session, connection_id: int, *, actor: str, what: str, now: datetime) -> None:
    add_entry(session, connection_id=connection_id, at=now, actor=actor, action=what)


def _differences(before: ConnectionSettings, after: ConnectionSettings) -> Iterator[Message]:
    """Return each change with old and new value; for a secret and the identity id, only that it changed."""
    for name, field in ConnectionSettings.model_fields.items():
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name in {*SECRET_FIELDS, "identity_id"}:
            yield msg("{setting}: changed", setting=field.title)
        else:
            yield msg("{setting}: {old} → {new}", setting=field.title, old=_display(old), new=_display(new))


def _display(value: object) -> str:
    match value:
        case bool():
            return msg("yes") if value else msg("no")
        case dict():
            pairs = (joined(str(key), _display(each), between="=") for key, each in value.items())
            return joined(*pairs, between=", ") or msg("(empty)")
        case tuple() | frozenset():
            return ", ".join(sorted(map(str, value))) or msg("(empty)")
        case None | "":
            return msg("(empty)")
    return str(value)

"""Event receivers: their URLs, the events that they subscribe to, and the secrets that sign deliveries."""

import secrets
from base64 import b64encode
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, and_, delete, exists, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.connections.vault import Vault
from models.database import Database
from models.enums import Scope
from models.invalid_input import InvalidInputError, gather_errors, raise_errors
from models.receivers import outbox
from models.receivers.outbox import EVENT_TYPES, DeliveryProblem, DeliveryState, DisabledBecause, EventType
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.receiver_tables import EventDeliveryRow, EventReceiverRow, EventRow, ReceiverConnectionRow
from models.schema.statements import build_from
from models.users.proofs import expect_session

PURPOSE, FORMER_PURPOSE = "event_receivers.secret", "event_receivers.former_secret"
"""The encryption purpose of a receiver's secrets, beside its id."""

FORMER_SECRET_SIGNS_FOR = timedelta(hours=24)
"""How long a replaced secret still signs, together with the new one."""

SECRET_BYTES = 32
MAX_URL_LENGTH = 1000


class UnknownReceiverError(LookupError):
    """The receiver does not exist."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A program that gets events of the connections in its ``scope``, without its secrets; instants in UTC.

    ``failing_since`` is when the first of its consecutive failures happened.
    """

    id: int
    url: str
    event_types: Sequence[EventType]
    scope: Scope
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_because: DisabledBecause | None = None
    failing_since: datetime | None = None
    former_secret_until: datetime | None = None


class Receivers:
    """The receivers of an installation.

    A change on a page is made in the user's session ``session_id``, and raises OutdatedProofError if that has
    ended. The command line has no session. With ``private_networks``, receivers may be on private networks, and
    use HTTP without TLS.
    """

    def __init__(self, database: Database, vault: Vault, *, private_networks: bool) -> None:
        self._database, self._vault, self._private_networks = database, vault, private_networks

    def add(
        self,
        url: str,
        event_types: Collection[EventType],
        scope: Scope,
        *,
        actor: str,
        session_id: int | None = None,
        now: datetime,
    ) -> tuple[Receiver, str]:
        """Add a receiver. Return it with its secret, which is returned only here. Raises InvalidInputError."""
        row = EventReceiverRow(secret="", created_at=now)
        secret = _new_secret()
        with self._database.transaction() as session:
            expect_session(session, session_id)
            self._set(row, url, event_types, scope)
            session.add(row)
            session.flush()
            row.secret = self._vault.encrypt(secret, PURPOSE, row.id)
            _list_connections(session, row.id, scope)
            _audit(session, row, msg("added"), actor=actor, now=now)
        return _receiver(row, scope), secret

    def get(self, receiver_id: int) -> Receiver:
        """Read one receiver. Raises :class:`UnknownReceiverError`."""
        with self._database.transaction() as session:
            row = _row(session, receiver_id)
            return _receiver(row, _scope(session, row))

    def all(self) -> Sequence[Receiver]:
        listed = defaultdict[int, set[int]](set)
        with self._database.transaction() as session:
            for each in session.scalars(select(ReceiverConnectionRow)):
                listed[each.receiver_id].add(each.connection_id)
            rows = session.scalars(select(EventReceiverRow).order_by(EventReceiverRow.id)).all()
        return [_receiver(row, Scope(None if row.everywhere else frozenset(listed[row.id]))) for row in rows]

    def update(  # noqa: PLR0913 - the new values and the actor
        self,
        receiver_id: int,
        url: str,
        event_types: Collection[EventType],
        scope: Scope,
        *,
        actor: str,
        session_id: int | None = None,
        now: datetime,
    ) -> None:
        """Change the URL and the events of a receiver. Pending deliveries outside its subscription fail.

        Raises InvalidInputError, UnknownReceiverError.
        """
        with self._database.transaction() as session:
            expect_session(session, session_id)
            row = _row(session, receiver_id, lock=True)
            self._set(row, url, event_types, scope)
            session.execute(delete(ReceiverConnectionRow).where(ReceiverConnectionRow.receiver_id == receiver_id))
            _list_connections(session, receiver_id, scope)
            session.flush()
            fail_unsubscribed(session, receiver_id)
            _audit(session, row, msg("changed"), actor=actor, now=now)

    def rotate(self, receiver_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> str:
        """Set a new secret and return it. The former secret also signs for a day.

        Raises :class:`UnknownReceiverError`.
        """
        secret = _new_secret()
        with self._database.transaction() as session:
            expect_session(session, session_id)
            row = _row(session, receiver_id, lock=True)
            row.former_secret = row.former_secret_until = None
            with suppress(InvalidToken):  # a secret that cannot be decrypted is not worth keeping
                former = self._vault.decrypt(row.secret, PURPOSE, row.id)
                row.former_secret = self._vault.encrypt(former, FORMER_PURPOSE, row.id)
                row.former_secret_until = now + FORMER_SECRET_SIGNS_FOR
            row.secret = self._vault.encrypt(secret, PURPOSE, row.id)
            _audit(session, row, msg("new secret generated"), actor=actor, now=now)
        return secret

    def secrets(self, receiver_id: int, *, now: datetime) -> Sequence[str]:
        """Return the secrets that sign at this instant, newest first.

        Raises UnknownReceiverError, and InvalidToken if they cannot be decrypted.
        """
        with self._database.transaction() as session:
            row = _row(session, receiver_id)
        signing = [self._vault.decrypt(row.secret, PURPOSE, row.id)]
        if row.former_secret and row.former_secret_until and now < row.former_secret_until:
            signing.append(self._vault.decrypt(row.former_secret, FORMER_PURPOSE, row.id))
        return signing

    def test(self, receiver_id: int, *, now: datetime) -> bool:
        """Queue a test event for a receiver; False if it is disabled.

        Raises :class:`UnknownReceiverError`.
        """
        with self._database.transaction() as session:
            if _row(session, receiver_id, lock=True).disabled_at:
                return False
            outbox.record_test(session, receiver_id, now=now)
            return True

    def disable(self, receiver_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
        """Stop sending to a receiver until it is enabled. Raises :class:`UnknownReceiverError`."""
        with self._database.transaction() as session:
            expect_session(session, session_id)
            row = _row(session, receiver_id, lock=True)
            disable(session, row, DisabledBecause.BY_HAND, actor=actor, now=now)

    def enable(self, receiver_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
        """Resume sending events to a receiver. Earlier deliveries that failed can be replayed.

        Raises :class:`UnknownReceiverError`.
        """
        with self._database.transaction() as session:
            expect_session(session, session_id)
            row = _row(session, receiver_id, lock=True)
            if row.disabled_at:
                row.disabled_at = row.disabled_because = row.failing_since = row.retry_at = None
                row.failures = 0
                _audit(session, row, msg("Enabled"), actor=actor, now=now)

    def remove(self, receiver_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
        """Remove a receiver with its deliveries. Raises :class:`UnknownReceiverError`."""
        with self._database.transaction() as session:
            expect_session(session, session_id)
            row = _row(session, receiver_id, lock=True)
            _audit(session, row, msg("removed"), actor=actor, now=now)
            session.delete(row)

    def rotate_keys(self) -> Sequence[int]:
        """Encrypt all secrets again with the newest key; return the receivers with a secret that no key decrypts.

        Such a secret is left as it is, also if it is the former one.
        """
        unreadable = []
        with self._database.transaction() as session:
            for row in session.scalars(select(EventReceiverRow).order_by(EventReceiverRow.id).with_for_update()):
                try:
                    row.secret = self._vault.renew(row.secret, PURPOSE, row.id)
                    if row.former_secret:
                        row.former_secret = self._vault.renew(row.former_secret, FORMER_PURPOSE, row.id)
                except InvalidToken:
                    unreadable.append(row.id)
        return unreadable

    def _set(self, row: EventReceiverRow, url: str, event_types: Collection[EventType], scope: Scope) -> None:
        errors: dict[str, str] = {}
        with gather_errors(errors):
            row.url = self._checked(url.strip())
        if not event_types:
            errors["event_types"] = msg("Choose at least one event.")
        if scope.connections == frozenset():
            errors["connections"] = msg("Choose at least one connection, or all.")
        raise_errors(errors)
        row.event_types = [each for each in EVENT_TYPES if each in event_types]
        row.everywhere = scope.connections is None

    def _checked(self, url: str) -> str:
        """Return the URL if its syntax is valid. Its address is checked before each delivery."""
        try:
            parts = urlsplit(url)
            named = bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url
        except ValueError:
            named = False
        if not named or len(url) > MAX_URL_LENGTH:
            raise InvalidInputError(url=msg("Enter a URL such as https://example.com/events."))
        if parts.username is not None or parts.fragment:
            raise InvalidInputError(url=msg("The URL must not contain a user name, password or #."))
        if parts.scheme != "https" and not (self._private_networks and parts.scheme == "http"):
            raise InvalidInputError(
                url=msg("The URL must start with https:// unless RECEIVER_PRIVATE_NETWORKS is set.")
            )
        return url


def disable(
    session: Session, row: EventReceiverRow, because: DisabledBecause, *, actor: str, now: datetime
) -> bool:
    """Disable a receiver, whose row is locked; False if it was disabled before.

    Pending deliveries fail, and can be replayed.
    """
    if row.disabled_at:
        return False
    row.disabled_at, row.disabled_because = now, because
    pending = EventDeliveryRow.receiver_id == row.id, EventDeliveryRow.due_at.is_not(None)
    failed = {"state": DeliveryState.FAILED, "due_at": None}
    session.execute(update(EventDeliveryRow).where(*pending).values(**failed))
    _audit(session, row, msg("Disabled"), actor=actor, now=now)
    return True


def disable_all(session: Session, because: DisabledBecause, *, actor: str, now: datetime) -> None:
    """Disable all receivers, as :func:`disable` does."""
    for row in session.scalars(select(EventReceiverRow).order_by(EventReceiverRow.id).with_for_update()).all():
        disable(session, row, because, actor=actor, now=now)


def is_subscribed() -> ColumnElement[bool]:
    """Return the SQL condition that a receiver subscribes to an event, for a query on both tables."""
    listed = exists().where(
        ReceiverConnectionRow.receiver_id == EventReceiverRow.id,
        ReceiverConnectionRow.connection_id == EventRow.connection_id,
    )
    has_type = EventRow.type == EventReceiverRow.event_types.any_()
    return or_(EventRow.type == EventType.RECEIVER_TEST, and_(has_type, or_(EventReceiverRow.everywhere, listed)))


def fail_unsubscribed(session: Session, receiver_id: int) -> None:
    """Mark pending deliveries as failed that a receiver no longer subscribes to; it can replay them later."""
    unsubscribed = (
        EventDeliveryRow.receiver_id == receiver_id,
        EventDeliveryRow.due_at.is_not(None),
        EventDeliveryRow.event_id == EventRow.id,
        EventReceiverRow.id == receiver_id,
        not_(is_subscribed()),
    )
    failed = {"state": DeliveryState.FAILED, "due_at": None, "problem": DeliveryProblem.NOT_WANTED}
    session.execute(update(EventDeliveryRow).where(*unsubscribed).values(**failed))


def host_of(url: str) -> str:
    """Return the host of a URL, which may be shown everywhere: the path may contain a secret of the receiver."""
    return urlsplit(url).hostname or ""


def _new_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def _row(session: Session, receiver_id: int, *, lock: bool = False) -> EventReceiverRow:
    row = session.get(EventReceiverRow, receiver_id, with_for_update=FOR_NO_KEY_UPDATE if lock else None)
    if row is None:
        raise UnknownReceiverError(f"There is no event receiver with the number {receiver_id}.")
    return row


def _scope(session: Session, row: EventReceiverRow) -> Scope:
    if row.everywhere:
        return Scope()
    listed = select(ReceiverConnectionRow.connection_id).where(ReceiverConnectionRow.receiver_id == row.id)
    return Scope(frozenset(session.scalars(listed)))


def _list_connections(session: Session, receiver_id: int, scope: Scope) -> None:
    rows = [{"receiver_id": receiver_id, "connection_id": each} for each in sorted(scope.connections or ())]
    try:
        if rows:
            session.execute(insert(ReceiverConnectionRow), rows)
    except IntegrityError as error:
        raise InvalidInputError(connections=msg("Connection not found.")) from error


def _receiver(row: EventReceiverRow, scope: Scope) -> Receiver:
    types = [EventType(each) for each in row.event_types]
    because = DisabledBecause(row.disabled_because) if row.disabled_because else None
    return build_from(Receiver, row, event_types=types, scope=scope, disabled_because=because)


def _audit(session: Session, row: EventReceiverRow, what: Message, *, actor: str, now: datetime) -> None:
    action = msg("Event receiver {number} ({host}): {what}", number=row.id, host=host_of(row.url), what=what)
    add_entry(session, at=now, actor=actor, action=action)

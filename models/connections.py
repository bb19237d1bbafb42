"""Connections: kept with their secrets encrypted, found by the token in the webhook's address."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.settings import ConnectionSettings
from models.tables import AuditRow, ConnectionRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from models.base import Database
    from models.vault import Vault

SECRET_FIELDS = frozenset(
    name for name, field in ConnectionSettings.model_fields.items() if field.annotation is SecretStr
)


class UnknownConnection(LookupError):
    """There is no such connection."""


class NameTaken(ValueError):
    """Another connection has this name."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One company's pair of systems.

    It is paused where ``paused_because`` says why, and rests until ``rests_until`` (UTC) while they do not answer.
    """

    id: int
    name: str
    settings: ConnectionSettings
    paused_because: str = ""
    rests_until: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Tell whether anything is to be tried at ``now`` (UTC)."""
        return not self.paused_because and (self.rests_until is None or self.rests_until <= now)


class Connections:
    """The verbs on connections, with the vault that their secrets are kept in."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def add(self, name: str, settings: ConnectionSettings, *, who: str, now: datetime) -> tuple[Connection, str]:
        """Add a connection; the answer's second part is the token of its webhook address, told only here.

        Raises:
            NameTaken: another connection has this name.
        """
        token = secrets.token_urlsafe(24)
        row = ConnectionRow(name=name, token_hash=_hash(token), created_at=now, updated_at=now)
        self._fill(row, settings)
        try:
            with self._database.transaction() as session:
                session.add(row)
                session.flush()
                _note(session, row.id, who=who, what="added", now=now)
        except IntegrityError as error:
            raise NameTaken(f"There is a connection called {name} already.") from error
        return self._read(row), token

    def get(self, connection_id: int) -> Connection:
        """Read one connection. Raises :class:`UnknownConnection`."""
        with self._database.transaction() as session:
            return self._read(_row(session, connection_id))

    def named(self, name: str) -> Connection:
        """Read the connection with this name. Raises :class:`UnknownConnection`."""
        with self._database.transaction() as session:
            row = session.scalar(select(ConnectionRow).where(ConnectionRow.name == name))
        if row is None:
            raise UnknownConnection(f"There is no connection called {name}.")
        return self._read(row)

    def all(self) -> Sequence[Connection]:
        """Read all connections, by name."""
        with self._database.transaction() as session:
            return [self._read(row) for row in session.scalars(select(ConnectionRow).order_by(ConnectionRow.name))]

    def change(self, connection_id: int, changes: Mapping[str, Any], *, who: str, now: datetime) -> Connection:
        """Change some settings and set a paused connection to work again, since someone has mended it.

        Raises:
            UnknownConnection: there is no such connection.
            pydantic.ValidationError: a value does not fit.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            settings = ConnectionSettings.model_validate({**_open(self._vault, row), **changes})
            self._fill(row, settings)
            row.updated_at, row.paused_because = now, ""
            _note(session, row.id, who=who, what="changed " + ", ".join(sorted(changes)), now=now)
        return self._read(row)

    def new_token(self, connection_id: int, *, who: str, now: datetime) -> str:
        """Give the webhook a new address, for when the old one has become known; the old one ends at once."""
        token = secrets.token_urlsafe(24)
        with self._database.transaction() as session:
            _row(session, connection_id, lock=True).token_hash = _hash(token)
            _note(session, connection_id, who=who, what="gave the webhook a new address", now=now)
        return token

    def pause(self, connection_id: int, because: str, *, now: datetime, told: bool = False) -> bool:
        """Stop the connection's work until it is resumed; False where it was paused already.

        ``told`` says that its addresses hear of it, so that they also hear when it works again.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            was_working = not row.paused_because
            if was_working:
                row.paused_because = because
                if told:
                    row.failures, row.down_told = max(1, row.failures), True
                _note(session, connection_id, who="the bridge", what=f"paused: {because}", now=now)
        return was_working

    def resume(self, connection_id: int, *, who: str, now: datetime) -> None:
        """Let the connection work again; what waited goes through."""
        with self._database.transaction() as session:
            _row(session, connection_id, lock=True).paused_because = ""
            _note(session, connection_id, who=who, what="resumed", now=now)

    def rotate_keys(self) -> int:
        """Encrypt all secrets anew with the newest key; tells how many connections there are."""
        with self._database.transaction() as session:
            rows = session.scalars(select(ConnectionRow).with_for_update()).all()
            for row in rows:
                row.secrets = self._vault.lock_values(self._vault.open_values(row.secrets))
        return len(rows)

    def _fill(self, row: ConnectionRow, settings: ConnectionSettings) -> None:
        values = settings.model_dump(mode="json", exclude=set(SECRET_FIELDS))
        hidden = {name: getattr(settings, name).get_secret_value() for name in SECRET_FIELDS}
        row.settings, row.secrets = values, self._vault.lock_values(hidden)

    def _read(self, row: ConnectionRow) -> Connection:
        settings = ConnectionSettings.model_validate(_open(self._vault, row))
        return Connection(row.id, row.name, settings, row.paused_because, row.rests_until)


def find_by_token(database: Database, token: str) -> int | None:
    """Tell the id of the connection whose webhook address holds this token."""
    with database.transaction() as session:
        return session.scalar(select(ConnectionRow.id).where(ConnectionRow.token_hash == _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _open(vault: Vault, row: ConnectionRow) -> dict[str, Any]:
    return {**row.settings, **vault.open_values(row.secrets)}


def _row(session: Session, connection_id: int, *, lock: bool = False) -> ConnectionRow:
    row = session.get(ConnectionRow, connection_id, with_for_update=lock)
    if row is None:
        raise UnknownConnection(f"There is no connection with the number {connection_id}.")
    return row


def _note(session: Session, connection_id: int, *, who: str, what: str, now: datetime) -> None:
    session.add(AuditRow(connection_id=connection_id, at=now, who=who, what=what))

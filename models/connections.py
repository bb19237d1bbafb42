"""Connections: kept with their secrets encrypted, found by the token in the webhook's address."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from language.said import listed, say
from models import notifications
from models.hooks import hashed
from models.locking import ALL_BUT_THE_KEY
from models.settings import ConnectionSettings
from models.tables import AuditRow, ConnectionRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from language.said import Said
    from models.base import Database
    from models.vault import Vault
    from models.words import Kind, Scope

SECRET_FIELDS = frozenset(
    name for name, field in ConnectionSettings.model_fields.items() if field.annotation is SecretStr
)

NOT_STARTED = say("It has not been started yet.")
LONGEST_NAME, LONGEST_REASON = 100, 200
"""Why a connection is paused that was added to be looked through before anything travels."""


class UnknownConnection(LookupError):
    """There is no such connection."""


class NameTaken(ValueError):
    """Another connection has this name."""


class ChangedMeanwhile(Exception):
    """Somebody else has changed the settings since they were read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection in a list, without what is secret. ``rests_since`` (UTC) as in the overview."""

    id: int
    name: str
    moment_company: str
    username: str
    kinds: Sequence[Kind]
    paused_because: str
    rests_since: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """One company's pair of systems; instants in UTC.

    It is paused where ``paused_because`` says why, by the person ``paused_by`` or by the bridge itself, and rests
    until ``rests_until`` while its systems do not answer. Its settings were changed last at ``updated_at``.
    """

    id: int
    name: str
    settings: ConnectionSettings
    updated_at: datetime
    paused_because: str = ""
    paused_by: str = ""
    rests_until: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Tell whether anything is to be tried at ``now`` (UTC)."""
        return not self.paused_because and (self.rests_until is None or self.rests_until <= now)


class Connections:
    """The verbs on connections, with the vault that their secrets are kept in."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._opened: dict[int, tuple[dict[str, Any], str, ConnectionSettings]] = {}

    def add(
        self, name: str, settings: ConnectionSettings, *, who: str, now: datetime, started: bool = True
    ) -> tuple[Connection, str]:
        """Add a connection; the answer's second part is the token of its webhook address, told only here.

        One that is not ``started`` is paused until somebody resumes it.

        Raises:
            NameTaken: another connection has this name.
        """
        token = secrets.token_urlsafe(24)
        row = ConnectionRow(name=name, token_hash=hashed(token), created_at=now, updated_at=now)
        row.paused_because, row.paused_by = ("", "") if started else (NOT_STARTED, who)
        self._fill(row, settings)
        try:
            with self._database.transaction() as session:
                session.add(row)
                session.flush()
                _note(session, row.id, who=who, what=say("added"), now=now)
        except IntegrityError as error:
            raise NameTaken(say("There is a connection called {name} already.", name=name)) from error
        return self._read(row), token

    def get(self, connection_id: int) -> Connection:
        """Read one connection. Raises :class:`UnknownConnection`."""
        with self._database.statement() as connection, Session(connection) as session:
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

    def change(
        self,
        connection_id: int,
        changes: Mapping[str, Any],
        *,
        who: str,
        now: datetime,
        seen: datetime | None = None,
    ) -> Connection:
        """Change some settings, and let a connection that paused itself work again, since someone has mended it.

        Args:
            connection_id: which connection.
            changes: settings with their new values.
            who: changes them.
            now: the instant, in UTC.
            seen: the ``updated_at`` of the settings that they had before their eyes; None for whatever there is.

        Raises:
            UnknownConnection: there is no such connection.
            ChangedMeanwhile: what they had before their eyes is not what there is any more.
            pydantic.ValidationError: a value does not fit.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            if seen not in (None, row.updated_at):
                raise ChangedMeanwhile
            before = self._read(row).settings
            after = ConnectionSettings.model_validate({**_open(self._vault, row), **changes})
            self._fill(row, after)
            row.updated_at = now
            row.paused_because = row.paused_because if row.paused_by else ""
            for what in _differences(before, after):
                _note(session, row.id, who=who, what=what, now=now)
        return self._read(row)

    def new_token(self, connection_id: int, *, who: str, now: datetime) -> str:
        """Give the webhook a new address, for when the old one has become known; the old one ends at once."""
        token = secrets.token_urlsafe(24)
        with self._database.transaction() as session:
            _row(session, connection_id, lock=True).token_hash = hashed(token)
            notifications.forget(session, connection_id)
            _note(session, connection_id, who=who, what=say("gave the webhook a new address"), now=now)
        return token

    def pause(self, connection_id: int, because: str, *, who: str = "", now: datetime, told: bool = False) -> bool:
        """Stop the connection's work until it is resumed; False where it was paused already.

        ``who`` is the person who does it, empty for the bridge itself. ``told`` says that the connection's
        addresses hear of it, so that they also hear when it works again.
        """
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            was_working = not row.paused_because
            if was_working:
                row.paused_because, row.paused_by = because, who
                if told:
                    row.failures, row.down_told = max(1, row.failures), True
                what = say("paused: {because}", because=because)
                _note(session, connection_id, who=who or say("the bridge"), what=what, now=now)
        return was_working

    def resume(self, connection_id: int, *, who: str, now: datetime) -> None:
        """Let the connection work again; what waited goes through."""
        with self._database.transaction() as session:
            row = _row(session, connection_id, lock=True)
            row.paused_because = row.paused_by = ""
            _note(session, connection_id, who=who, what=say("resumed"), now=now)

    def rotate_keys(self) -> int:
        """Encrypt all secrets anew with the newest key; tells how many connections there are."""
        with self._database.transaction() as session:
            rows = session.scalars(
                select(ConnectionRow).order_by(ConnectionRow.id).with_for_update(key_share=True)
            ).all()
            for row in rows:
                row.secrets = self._vault.lock_values(self._vault.open_values(row.secrets))
        return len(rows)

    def _fill(self, row: ConnectionRow, settings: ConnectionSettings) -> None:
        values = settings.model_dump(mode="json", exclude=set(SECRET_FIELDS))
        hidden = {name: getattr(settings, name).get_secret_value() for name in SECRET_FIELDS}
        row.settings, row.secrets = values, self._vault.lock_values(hidden)

    def _read(self, row: ConnectionRow) -> Connection:
        settings = self._settings(row)
        return Connection(
            row.id, row.name, settings, row.updated_at, row.paused_because, row.paused_by, row.rests_until
        )

    def _settings(self, row: ConnectionRow) -> ConnectionSettings:
        """Open the settings, once for as long as they stay the same: they are read for every batch."""
        known = self._opened.get(row.id)
        if known is None or known[:2] != (row.settings, row.secrets):
            settings = ConnectionSettings.model_validate(_open(self._vault, row))
            known = self._opened[row.id] = (row.settings, row.secrets, settings)
        return known[2]


def listing(
    database: Database, scope: Scope, *, like: str = "", after: str = "", most: int | None = None
) -> Sequence[Listed]:
    """List connections that somebody sees, by name.

    Args:
        database: where they are.
        scope: those that are seen.
        like: what stands in the name, whatever its case.
        after: the name after which the list goes on.
        most: how many are told; None for all.
    """
    known, name = ConnectionRow.settings, ConnectionRow.name
    query = select(
        ConnectionRow.id,
        name,
        known["moment_company"].astext,
        known["username"].astext,
        known["kinds"],
        ConnectionRow.paused_because,
        func.coalesce(ConnectionRow.short_since, ConnectionRow.down_since),
    ).where(name > after, name.icontains(like, autoescape=True))
    if scope.connections is not None:
        query = query.where(ConnectionRow.id.in_(scope.connections))
    with database.transaction() as session:
        return [Listed(*row) for row in session.execute(query.order_by(name).limit(most))]


def _open(vault: Vault, row: ConnectionRow) -> dict[str, Any]:
    return {**row.settings, **vault.open_values(row.secrets)}


def _row(session: Session, connection_id: int, *, lock: bool = False) -> ConnectionRow:
    row = session.get(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY if lock else None)
    if row is None:
        raise UnknownConnection(f"There is no connection with the number {connection_id}.")
    return row


def _note(session: Session, connection_id: int, *, who: str, what: str, now: datetime) -> None:
    session.add(AuditRow(connection_id=connection_id, at=now, who=who, what=what))


def _differences(before: ConnectionSettings, after: ConnectionSettings) -> Iterator[Said]:
    """Tell what was changed, from what to what; of a secret, and of the client of a login, only that it was."""
    for name, field in ConnectionSettings.model_fields.items():
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name in {*SECRET_FIELDS, "identity_id"}:
            yield say("{setting}: changed", setting=field.title)
        else:
            yield say("{setting}: {old} → {new}", setting=field.title, old=_shown(old), new=_shown(new))


def _shown(value: object) -> str:
    match value:
        case bool():
            return say("yes") if value else say("no")
        case dict():
            pairs = (listed(str(key), _shown(each), between="=") for key, each in value.items())
            return listed(*pairs, between=", ") or say("nothing")
        case tuple() | frozenset():
            return ", ".join(sorted(map(str, value))) or say("nothing")
        case None | "":
            return say("nothing")
    return str(value)

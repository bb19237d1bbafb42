"""Users of the pages: adding, changing and disabling them, with audit entries."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from i18n.catalog import Language
from i18n.messages import msg
from models.database import Database
from models.enums import Role, Scope
from models.invalid_input import InvalidInputError, gather_errors, raise_errors
from models.schema.audit_entries import add_entry
from models.schema.tables import ConnectionRow
from models.schema.user_tables import GrantRow, PasswordLinkRow, SessionRow, UserRow
from models.users import passwords
from models.users.proofs import Proof, expect_proof, expect_session

ROLES = {Role.VIEWER: msg("viewer"), Role.OPERATOR: msg("operator"), Role.ADMINISTRATOR: msg("administrator")}

EMAIL_TAKEN = msg("A user with this email address already exists.")


class UnknownUserError(LookupError):
    """The user does not exist."""


class LastAdministratorError(InvalidInputError):
    """The last user who may manage users would be lost."""

    def __init__(self) -> None:
        super().__init__(
            role=msg(
                "At least one administrator must have access to all connections. Give someone else that role "
                "first."
            )
        )


@dataclass(frozen=True, slots=True)
class Rights:
    role: Role
    scope: Scope


@dataclass(frozen=True, slots=True)
class User:
    """A user, who can sign in unless ``disabled``; without a password, by OpenID Connect only.

    If ``password_is_temporary``, another user has set it. If ``has_factor``, the password alone is not enough.
    """

    id: int
    email: str
    rights: Rights
    language: Language
    disabled: bool
    has_password: bool
    password_is_temporary: bool = False
    has_factor: bool = False

    @property
    def scope(self) -> Scope:
        return self.rights.scope

    @property
    def is_operator(self) -> bool:
        """Whether they may retry, dismiss, pause and resume."""
        return self.rights.role.covers(Role.OPERATOR)

    @property
    def is_administrator(self) -> bool:
        """Whether they may change the settings of the connections in their scope."""
        return self.rights.role.covers(Role.ADMINISTRATOR)

    @property
    def sees_many(self) -> bool:
        """Whether they see more than one connection, so that lists must name the connection."""
        return self.scope.connections is None or len(self.scope.connections) > 1

    @property
    def administers_all(self) -> bool:
        """Whether they may also manage users, add connections, and change company without its secret."""
        return self.is_administrator and self.scope.connections is None


def add(  # noqa: PLR0913 - mostly keyword-only
    database: Database,
    email: str,
    rights: Rights,
    *,
    password: str | None,
    language: Language = Language.NORWEGIAN,
    actor: str,
    session_id: int | None = None,
    now: datetime,
) -> User:
    """Add a user. They must change the password at the first sign-in; without one, they use OpenID Connect.

    ``session_id`` is the session of the actor, here and below. Raises InvalidInputError if the address is invalid
    or taken, the password too short or easily guessed, or a connection unknown. Raises OutdatedProofError.
    """
    errors: dict[str, str] = {}
    row = UserRow(
        email="",
        role=rights.role,
        everywhere=rights.scope.connections is None,
        language=language,
        password_is_temporary=password is not None,
        created_at=now,
    )
    with gather_errors(errors):
        row.email = _address(email)
    with gather_errors(errors):
        row.password_hash = None if password is None else passwords.hash_new(password, email=row.email or email)
    try:
        with database.transaction() as session:
            expect_session(session, session_id)
            if session.scalar(select(UserRow.id).where(UserRow.email == row.email)):
                errors["email"] = EMAIL_TAKEN
            with gather_errors(errors):
                known = _known(session, rights.scope)
            raise_errors(errors)
            session.add(row)
            session.flush()
            session.add_all(GrantRow(user_id=row.id, connection_id=each) for each in known)
            what = msg("Added the user {email}: {rights}", email=row.email, rights=_described(session, rights))
            add_audit_entry(session, what, actor=actor, now=now)
            return _user(row, rights.scope)
    except IntegrityError as error:
        raise InvalidInputError(email=EMAIL_TAKEN) from error


def get(database: Database, user_id: int) -> User:
    """Read one user. Raises :class:`UnknownUserError`."""
    with database.transaction() as session:
        row = session.get(UserRow, user_id)
        if row is None:
            raise UnknownUserError(f"There is no user with the number {user_id}.")
        return read(session, row)


def get_by_email(database: Database, email: str) -> User:
    """Read the user with this email address. Raises :class:`UnknownUserError`."""
    with database.transaction() as session:
        row = session.scalar(select(UserRow).where(UserRow.email == email.strip().lower()))
        if row is None:
            raise UnknownUserError(f"There is no user {email}.")
        return read(session, row)


def read(session: Session, row: UserRow) -> User:
    """Read a user with their rights, in the caller's transaction."""
    granted = None
    if not row.everywhere:
        granted = frozenset(session.scalars(select(GrantRow.connection_id).where(GrantRow.user_id == row.id)))
    return _user(row, Scope(granted))


def all_users(database: Database) -> Sequence[User]:
    granted = defaultdict[int, set[int]](set)
    with database.transaction() as session:
        for user_id, connection_id in session.execute(select(GrantRow.user_id, GrantRow.connection_id)):
            granted[user_id].add(connection_id)
        rows = session.scalars(select(UserRow).order_by(UserRow.email)).all()
    return [_user(row, Scope(None if row.everywhere else frozenset(granted[row.id]))) for row in rows]


def update(
    database: Database, user_id: int, rights: Rights, *, actor: str, session_id: int | None = None, now: datetime
) -> None:
    """Change the role or the connections of a user.

    Raises UnknownUserError, InvalidInputError for an unknown connection, LastAdministratorError or
    OutdatedProofError.
    """
    errors: dict[str, str] = {}
    with database.transaction() as session:
        row = _row(session, user_id)
        expect_session(session, session_id)
        row.role, row.everywhere = rights.role, rights.scope.connections is None
        session.execute(delete(GrantRow).where(GrantRow.user_id == user_id))
        with gather_errors(errors):
            known = _known(session, rights.scope)
            session.add_all(GrantRow(user_id=user_id, connection_id=each) for each in known)
        with gather_errors(errors) if errors else nullcontext():
            _expect_administrator(session)
        raise_errors(errors)
        what = msg("Changed the user {email}: {rights}", email=row.email, rights=_described(session, rights))
        add_audit_entry(session, what, actor=actor, now=now)


def disable(database: Database, user_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
    """Disable a user and end their sessions.

    Raises UnknownUserError, OutdatedProofError, or LastAdministratorError if no administrator would be left.
    """
    with database.transaction() as session:
        row = _row(session, user_id)
        expect_session(session, session_id)
        if row.disabled_at is not None:
            return
        row.disabled_at = now
        _end_sessions(session, user_id)
        _expect_administrator(session)
        add_audit_entry(session, msg("Disabled the user {email}", email=row.email), actor=actor, now=now)


def enable(database: Database, user_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
    """Enable a user again. Raises UnknownUserError or OutdatedProofError."""
    with database.transaction() as session:
        row = _row(session, user_id)
        expect_session(session, session_id)
        if row.disabled_at is None:
            return
        row.disabled_at = None
        add_audit_entry(session, msg("Enabled the user {email}", email=row.email), actor=actor, now=now)


def sign_out(
    database: Database, user_id: int, *, actor: str, session_id: int | None = None, now: datetime
) -> None:
    """End all sessions of a user. Raises UnknownUserError or OutdatedProofError."""
    with database.transaction() as session:
        row = _row(session, user_id)
        expect_session(session, session_id)
        _end_sessions(session, user_id)
        what = msg("Signed the user {email} out everywhere", email=row.email)
        add_audit_entry(session, what, actor=actor, now=now)


def set_password(
    database: Database, user_id: int, password: str, *, actor: str, session_id: int | None = None, now: datetime
) -> None:
    """Set a user's password, to be changed at the next sign-in, and end their sessions.

    Raises UnknownUserError, InvalidInputError or OutdatedProofError.
    """
    password_hash = passwords.hash_new(password, email=get(database, user_id).email)
    with database.transaction() as session:
        row = _row(session, user_id)
        expect_session(session, session_id)
        row.password_hash, row.password_is_temporary = password_hash, True
        _end_sessions(session, user_id)
        what = msg("Set a new password for the user {email}", email=row.email)
        add_audit_entry(session, what, actor=actor, now=now)


def choose_password(
    database: Database, user: User, password: str, proof: Proof, *, session_id: int, now: datetime
) -> None:
    """Set the password that a user chose, with a proof that they know the present one; end their other sessions.

    Raises InvalidInputError or OutdatedProofError.
    """
    password_hash = passwords.hash_new(password, email=user.email)
    with database.transaction() as session:
        _row(session, user.id)
        row = expect_proof(session, replace(proof, session_id=session_id))
        row.password_hash, row.password_is_temporary = password_hash, False
        _end_sessions(session, user.id, but=session_id)
        add_audit_entry(session, msg("Changed their own password"), actor=user.email, now=now)


def keep_password(database: Database, user_id: int) -> None:
    """Allow a user to keep the temporary password. Raises :class:`UnknownUserError`."""
    with database.transaction() as session:
        _row(session, user_id).password_is_temporary = False


def remove(session: Session, user_id: int) -> None:
    """Delete a user in the caller's transaction. Raises the errors of :func:`disable`."""
    session.delete(_row(session, user_id))
    _expect_administrator(session)


def set_language(database: Database, user_id: int, language: Language) -> None:
    """Set the language of the pages for a user. Raises :class:`UnknownUserError`."""
    with database.transaction() as session:
        _row(session, user_id).language = language


def add_audit_entry(session: Session, what: str, *, actor: str, now: datetime) -> None:
    """Add an audit entry about users or the actor's own account."""
    add_entry(session, at=now, actor=actor, action=what)


def _address(email: str) -> str:
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise InvalidInputError(email=msg("Enter a valid email address.")) from error


def _row(session: Session, user_id: int) -> UserRow:
    """Read a user for a change, and lock all users, so that two administrators cannot remove each other."""
    rows = session.scalars(select(UserRow).order_by(UserRow.id).with_for_update())
    row = next((each for each in rows if each.id == user_id), None)
    if row is None:
        raise UnknownUserError(f"There is no user with the number {user_id}.")
    return row


def _known(session: Session, scope: Scope) -> frozenset[int]:
    """Return the connections of a scope, none if it is unlimited. Raises InvalidInputError if one is unknown."""
    if scope.connections is None:
        return frozenset()
    known = frozenset(session.scalars(select(ConnectionRow.id).where(ConnectionRow.id.in_(scope.connections))))
    if not known or known != scope.connections:
        raise InvalidInputError(connections=msg("Choose all connections or at least one existing connection."))
    return known


def _expect_administrator(session: Session) -> None:
    session.flush()
    administrators = select(UserRow.id).where(
        UserRow.role == Role.ADMINISTRATOR, UserRow.everywhere, UserRow.disabled_at.is_(None)
    )
    if session.scalar(administrators.limit(1)) is None:
        raise LastAdministratorError


def _described(session: Session, rights: Rights) -> str:
    role, ids = ROLES[rights.role], rights.scope.connections
    if ids is None:
        return msg("{role} of all connections", role=role)
    names = select(ConnectionRow.name).where(ConnectionRow.id.in_(ids)).order_by(ConnectionRow.name)
    return msg("{role} of {connections}", role=role, connections=", ".join(session.scalars(names)))


def _end_sessions(session: Session, user_id: int, *, but: int = 0) -> None:
    """End sessions, and revoke the link by which a password could still be chosen."""
    session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id != but))
    session.execute(delete(PasswordLinkRow).where(PasswordLinkRow.user_id == user_id))


def _user(row: UserRow, scope: Scope) -> User:
    return User(
        id=row.id,
        email=row.email,
        rights=Rights(role=Role(row.role), scope=scope),
        language=Language(row.language),
        disabled=row.disabled_at is not None,
        has_password=row.password_hash is not None,
        password_is_temporary=row.password_is_temporary,
        has_factor=row.factor_secret is not None,
    )

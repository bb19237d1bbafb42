"""Links by which users choose a password: mailed, valid for a limited time, used once, and bound to one user.

A worker makes the token when it sends the mail, so that only the mail contains it; its hash is stored.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from i18n.catalog import Language
from i18n.messages import Message, msg
from models.connections.alert_outbox import AlertType, DeliveryStatus
from models.connections.vault import hash_token
from models.database import Database
from models.schema.statements import upsert
from models.schema.tables import AlertRow
from models.schema.user_tables import PasswordLinkRow, SessionRow, UserRow
from models.users import account_alerts, passwords, throttle
from models.users import repository as users
from models.users.proofs import expect_session

RESET_VALID_FOR, INVITATION_VALID_FOR = timedelta(hours=1), timedelta(hours=48)
"""How long a link can be used after it was requested."""

MAX_LINKS_A_DAY = 5
"""Links mailed to a user within 24 hours after which they cannot request another; an administrator still can."""

RESET_TITLE = msg("Choose a new password")


class InvalidLinkError(LookupError):
    """The link was used, has expired or never existed, or its user is disabled."""


@dataclass(frozen=True, slots=True)
class LinkToSend:
    """A link to be mailed to a user, valid for ``hours`` from now."""

    user_id: int
    email: str
    language: Language
    invites: bool
    hours: int

    @property
    def title(self) -> Message:
        if self.invites:
            return msg("Invitation to Moment ⇄ 24SevenOffice")
        return RESET_TITLE

    @property
    def message(self) -> Message:
        if self.invites:
            return msg("You have been given access to the integration between Moment and 24SevenOffice.")
        return msg("Someone asked to reset the password of {email}.", email=self.email)


def request_reset(database: Database, email: str, *, address: str, now: datetime) -> None:
    """Request a link for the user with this address, if there is one who signs in by password.

    A link that is still valid is neither replaced nor sent again, so that a stranger cannot revoke it. The
    statements and the number of transactions that write are the same if there is no such user. Raises
    throttle.TooManySignInsError if links were requested too often.
    """
    attempt = throttle.record_attempt(database, throttle.asking_for_link(email, address), now=now)
    account = email.strip().lower()
    who = and_(UserRow.email == account, UserRow.disabled_at.is_(None), UserRow.password_hash.is_not(None))
    row = PasswordLinkRow
    values = {"invites": False, "requested_at": now, "expires_at": now + RESET_VALID_FOR, "token_hash": None}
    link = select(UserRow.id, *(literal(each, row.__table__.c[name].type) for name, each in values.items()))
    mailed = select(func.count()).where(
        AlertRow.ended_at > now - timedelta(days=1), AlertRow.recipient == account, AlertRow.title == RESET_TITLE
    )
    with database.transaction() as session:
        may_get_more = literal(session.scalars(mailed).one() < MAX_LINKS_A_DAY)
        insertion = insert(row).from_select(["user_id", *values], link.where(who, may_get_more))
        expired = row.expires_at <= now
        session.execute(insertion.on_conflict_do_update(index_elements=["user_id"], set_=values, where=expired))
        throttle.keep(session, attempt)  # so that an unknown user costs a write too


def send_link(
    database: Database, user_id: int, *, actor: str, session_id: int | None = None, now: datetime
) -> None:
    """Request a link for a user: an invitation if they have no password, otherwise a link to choose a new one.

    It replaces the link that they have. ``session_id`` is the session of the actor. Raises UnknownUserError, also
    if the user is disabled, or OutdatedProofError.
    """
    user = users.get(database, user_id)
    valid_for = RESET_VALID_FOR if user.has_password else INVITATION_VALID_FOR
    link = {"invites": not user.has_password, "requested_at": now, "expires_at": now + valid_for}
    done = msg("Sent a link to choose a new password to the user {email}", email=user.email)
    what = done if user.has_password else msg("Invited the user {email} by email", email=user.email)
    with database.transaction() as session:
        row = session.get(UserRow, user_id, with_for_update=True)
        expect_session(session, session_id)
        if row is None or row.disabled_at is not None:
            raise users.UnknownUserError(f"The user {user.email} cannot sign in.")
        session.execute(upsert(PasswordLinkRow, {"user_id": user_id}, link | {"token_hash": None}))
        users.add_audit_entry(session, what, actor=actor, now=now)


def unsent_links(database: Database, *, now: datetime) -> Sequence[LinkToSend]:
    link = PasswordLinkRow
    query = (
        select(UserRow.id, UserRow.email, UserRow.language, link.invites, link.expires_at)
        .join(link, link.user_id == UserRow.id)
        .where(link.token_hash.is_(None), link.expires_at > now, UserRow.disabled_at.is_(None))
        .order_by(link.requested_at)
    )
    return [
        LinkToSend(
            user_id=each.id,
            email=each.email,
            language=Language(each.language),
            invites=each.invites,
            hours=max(1, round((each.expires_at - now) / timedelta(hours=1))),
        )
        for each in database.rows(query)
    ]


def make_token(database: Database, user_id: int) -> str | None:
    """Make the token of a user's link; None if it already has one, or if there is no link."""
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        row = session.get(PasswordLinkRow, user_id, with_for_update=True)
        if row is None or row.token_hash is not None:
            return None
        row.token_hash = hash_token(token)
    return token


def delete_token(database: Database, user_id: int, token: str) -> None:
    """Delete the token of a link whose mail could not be sent, so that it gets another one."""
    with database.transaction() as session:
        row = session.get(PasswordLinkRow, user_id, with_for_update=True)
        if row and row.token_hash == hash_token(token):
            row.token_hash = None


def record_sent(database: Database, link: LinkToSend, status: DeliveryStatus, *, now: datetime) -> None:
    """Add the mail of a link, or its rejection, to the email log and the audit log; neither contains the URL."""
    row = AlertRow(recipient=link.email, type=AlertType.ACCOUNT, title=link.title, message=link.message, remedy="")
    row.created_at = row.ended_at = now
    row.status = status
    with database.transaction() as session:
        session.add(row)
        what = msg("The mail server refused the link to choose a password for the user {email}", email=link.email)
        if status is DeliveryStatus.SENT:
            what = msg("Emailed a link to choose a password to the user {email}", email=link.email)
        users.add_audit_entry(session, what, actor=msg("the integration"), now=now)


def user_of(database: Database, token: str, *, now: datetime) -> users.User:
    """Return the user of a link without using it, because programs open links in mails before people do.

    Raises InvalidLinkError.
    """
    found = database.scalars(_valid(token, now))
    if not found:
        raise InvalidLinkError
    return users.get(database, found[0])


def choose_password(database: Database, token: str, password: str, *, now: datetime) -> None:
    """Set the password of the link's user, then revoke the link and end all their sessions.

    A second factor is unchanged. Raises InvalidLinkError, or InvalidInputError, which does not use the link.
    """
    user = user_of(database, token, now=now)
    password_hash = passwords.hash_new(password, email=user.email)
    with database.transaction() as session:
        row = session.get(UserRow, user.id, with_for_update=True)
        # Checked again, because two people may use it at the same time.
        if row is None or session.scalar(_valid(token, now).with_for_update()) is None:
            raise InvalidLinkError
        row.password_hash, row.password_is_temporary = password_hash, False
        session.execute(delete(PasswordLinkRow).where(PasswordLinkRow.user_id == user.id))
        session.execute(delete(SessionRow).where(SessionRow.user_id == user.id))
        users.add_audit_entry(session, msg("Chose a password by a link in an email"), actor=user.email, now=now)
        message = msg("The password of {email} was chosen by a link in an email.", email=user.email)
        account_alerts.queue(session, user.email, msg("New password for your account"), message, now=now)


def delete_old(database: Database, *, now: datetime) -> None:
    database.execute(delete(PasswordLinkRow).where(PasswordLinkRow.expires_at <= now))


def _valid(token: str, now: datetime) -> Select[int]:
    return (
        select(PasswordLinkRow.user_id)
        .join(UserRow, UserRow.id == PasswordLinkRow.user_id)
        .where(PasswordLinkRow.token_hash == hash_token(token), PasswordLinkRow.expires_at > now)
        .where(UserRow.disabled_at.is_(None))
    )

"""Throttling of sign-ins: after too many of them, mostly rejected ones, no more are tried for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models.database import Database
from models.schema.user_tables import FailedSignInRow

WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS = 5
"""More than a person needs to find the right password; other addresses can still sign in to the account."""
MAX_FAILURES_PER_ADDRESS = 20
"""An office shares an address."""
MAX_FAILURES_PER_ACCOUNT = 100
"""From all addresses together, so that guesses from many addresses are limited too."""
MAX_SIGN_INS = 30
"""To an account from one address with the right password: each costs a hash and an audit entry."""
MAX_EMAIL_LENGTH = 254
SUBNET_BITS = 64
"""All addresses of one IPv6 subscriber count as one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The account and the address of a sign-in, empty if unknown. ``user_id`` is the account's user, 0 if none."""

    email: str
    address: str
    user_id: int = 0

    @property
    def signed_in(self) -> str:
        """The key under which successful sign-ins are counted; it cannot be entered as an account."""
        return f"user {self.user_id} from {self.address or 'anywhere'}"


class TooManySignInsError(Exception):
    """After too many sign-ins, no more are tried for up to :data:`WINDOW`."""


def caller(email: str, address: str, *, user_id: int = 0) -> Caller:
    return Caller(_account(email), _subscriber(address), user_id)


def asking_for_link(email: str, address: str) -> Caller:
    """Return the caller under which a request for a password link is counted, apart from sign-ins."""
    known = _subscriber(address)
    return Caller(f"link for {_account(email)}", f"link for {known}" if known else "")


def record_attempt(database: Database, caller: Caller, *, now: datetime) -> int:
    """Count a sign-in as rejected before it is tried, so that parallel ones cannot evade the limit; return its id.

    Callers with an unknown address are limited by account only. Raises TooManySignInsError if the sign-in must not
    be tried. That is not counted, so that the limit ends.
    """
    of_account, of_address = FailedSignInRow.email == caller.email, FailedSignInRow.address == caller.address
    signed_in = FailedSignInRow.email == caller.signed_in
    counts = select(
        func.count().filter(of_account, of_address),
        func.count().filter(of_address),
        func.count().filter(of_account),
        func.count().filter(signed_in),
    ).where(of_account | of_address | signed_in, FailedSignInRow.at > now - WINDOW)
    with database.transaction() as session:
        for name in sorted({caller.email, caller.address}):  # in one order, so that two never deadlock
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"sign-in {name}", 0))))
        both, address, account, right = session.execute(counts).one()
        if (
            both >= MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
            or (caller.address and address >= MAX_FAILURES_PER_ADDRESS)
            or account >= MAX_FAILURES_PER_ACCOUNT
            or right >= MAX_SIGN_INS
        ):
            raise TooManySignInsError
        row = FailedSignInRow(email=caller.email, address=caller.address, at=now)
        session.add(row)
    return row.id


def keep(session: Session, attempt: int) -> None:
    """Leave an attempt counted as rejected; this takes as long as a write about a known user."""
    session.execute(update(FailedSignInRow).where(FailedSignInRow.id == attempt).values(at=FailedSignInRow.at))


def take_back(database: Database, attempt: int) -> None:
    """Uncount an attempt that was rejected before it was checked."""
    database.execute(delete(FailedSignInRow).where(FailedSignInRow.id == attempt))


def accept(database: Database, caller: Caller, attempt: int, *, now: datetime) -> None:
    """Count an attempt as successful, and delete the rejected ones before it; later ones stay."""
    of_caller = (FailedSignInRow.email == caller.email, FailedSignInRow.address == caller.address)
    with database.transaction() as session:
        session.execute(delete(FailedSignInRow).where(*of_caller, FailedSignInRow.id <= attempt))
        session.add(FailedSignInRow(email=caller.signed_in, address="", at=now))


def delete_old(database: Database, *, now: datetime) -> None:
    database.execute(delete(FailedSignInRow).where(FailedSignInRow.at <= now - WINDOW))


def _account(email: str) -> str:
    """Return the account with this email address, "" for other input, which may be a password."""
    account = email.strip().lower()
    return account if "@" in account and len(account) <= MAX_EMAIL_LENGTH else ""


def _subscriber(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(IPv6Address(int(known) >> SUBNET_BITS << SUBNET_BITS))

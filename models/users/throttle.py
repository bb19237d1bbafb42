"""Guessing passwords is slow: sign-ins are counted, and too many, mostly refused, close the door for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models.database import Database
from models.schema.tables import FailedSignInRow

WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS = 5
"""More than a person needs to find the right one; others sign in to the same account from elsewhere."""
MAX_FAILURES_PER_ADDRESS = 20
"""An office shares an address."""
MAX_FAILURES_PER_ACCOUNT = 100
"""From all addresses together, so that many of them do not guess many times more."""
MAX_SIGN_INS = 30
"""Of an account from an address, with the right password: each takes a turn to hash, and stands in the audit."""
SUBNET_BITS = 64
"""What one subscriber of IPv6 has to choose from counts as one address."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who tries to sign in: the account that they name, and the address that they come from; empty if unknown.

    ``user_id`` is whose account that is, 0 where it is nobody's.
    """

    email: str
    address: str
    user_id: int = 0

    @property
    def signed_in(self) -> str:
        """Name what the sign-ins are counted under that were not refused; nobody can enter it as an account."""
        return f"user {self.user_id} from {self.address or 'anywhere'}"


class TooManySignInsError(Exception):
    """There were so many sign-ins that no more are tried for up to WINDOW."""


def caller(email: str, address: str, *, user_id: int = 0) -> Caller:
    """Return who tries, as it is counted. What is no e-mail address may be a password, and is not kept."""
    return Caller(email.strip().lower() if "@" in email else "", _subscriber(address), user_id)


def record_attempt(database: Database, caller: Caller, *, now: datetime) -> int:
    """Count a sign-in as refused before it is tried, so that many at once do not slip through, and return its id.

    All whose address is unknown are not kept out together, but only of one account.
    Raises TooManySignInsError for one that is not to be tried. It does not count: the door opens again by itself.
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
        for one in sorted({caller.email, caller.address}):  # in one order, so that two never wait for each other
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"sign-in {one}", 0))))
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
    """Let an attempt count as refused, as it does already; this is to take as long as a note about one."""
    session.execute(update(FailedSignInRow).where(FailedSignInRow.id == attempt).values(at=FailedSignInRow.at))


def take_back(database: Database, attempt: int) -> None:
    """Count an attempt no more that was turned away before anybody looked at it."""
    database.execute(delete(FailedSignInRow).where(FailedSignInRow.id == attempt))


def accept(database: Database, caller: Caller, attempt: int, *, now: datetime) -> None:
    """Count an attempt as one that was right, and those before it no more; those that are still tried do."""
    theirs = (FailedSignInRow.email == caller.email, FailedSignInRow.address == caller.address)
    with database.transaction() as session:
        session.execute(delete(FailedSignInRow).where(*theirs, FailedSignInRow.id <= attempt))
        session.add(FailedSignInRow(email=caller.signed_in, address="", at=now))


def delete_old(database: Database, *, now: datetime) -> None:
    database.execute(delete(FailedSignInRow).where(FailedSignInRow.at <= now - WINDOW))


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

"""Guessing passwords is slow: refused sign-ins are counted, and too many of them close the door for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, func, select

from models.database import Database
from models.schema.tables import FailedSignInRow

WINDOW = timedelta(minutes=15)
MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS = 5
"""More than a person needs to find the right one; others sign in to the same account from elsewhere."""
MAX_FAILURES_PER_ADDRESS = 20
"""An office shares an address."""
MAX_FAILURES_PER_ACCOUNT = 100
"""From all addresses together, so that many of them do not guess many times more."""
SUBNET_BITS = 64
"""What one subscriber of IPv6 has to choose from counts as one address."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who tries to sign in: the account that they name, and the address that they come from; empty if unknown."""

    email: str
    address: str


class TooManySignInsError(Exception):
    """So many sign-ins were refused that no more are tried for up to WINDOW."""


def caller(email: str, address: str) -> Caller:
    """Return who tries, as it is counted. What is no e-mail address may be a password, and is not kept."""
    return Caller(email.strip().lower() if "@" in email else "", _subscriber(address))


def record_attempt(database: Database, caller: Caller, *, now: datetime) -> None:
    """Count a sign-in as refused before it is tried, so that many at once do not slip through.

    All whose address is unknown are not kept out together, but only of one account.
    Raises TooManySignInsError for one that is not to be tried. It does not count: the door opens again by itself.
    """
    of_account, of_address = FailedSignInRow.email == caller.email, FailedSignInRow.address == caller.address
    counts = select(
        func.count().filter(of_account, of_address),
        func.count().filter(of_address),
        func.count().filter(of_account),
    ).where(of_account | of_address, FailedSignInRow.at > now - WINDOW)
    with database.transaction() as session:
        both, address, account = session.execute(counts).one()
        if (
            both >= MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
            or (caller.address and address >= MAX_FAILURES_PER_ADDRESS)
            or account >= MAX_FAILURES_PER_ACCOUNT
        ):
            raise TooManySignInsError
        session.add(FailedSignInRow(email=caller.email, address=caller.address, at=now))


def clear(database: Database, caller: Caller) -> None:
    theirs = (FailedSignInRow.email == caller.email, FailedSignInRow.address == caller.address)
    database.execute(delete(FailedSignInRow).where(*theirs))


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

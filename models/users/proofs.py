"""The proof of a user's identity, which is checked again in the transaction of a change.

Checking a password takes a while. Meanwhile the password may be changed, the user disabled or the session ended.
"""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.user_tables import SessionRow, UserRow


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of a user's identity: the password with this hash, or their session, or both.

    ``has_factor`` is whether they had a second factor when they gave the password.
    """

    user_id: int
    password_hash: str | None = field(default=None, repr=False)
    has_factor: bool = False
    session_id: int | None = None


class OutdatedProofError(Exception):
    """The proof is no longer valid; nothing was changed."""


def expect_proof(session: Session, proof: Proof) -> UserRow:
    """Check a proof, and lock its user so that the proof stays valid until the transaction ends.

    Raises OutdatedProofError.
    """
    row = session.get(UserRow, proof.user_id, with_for_update=FOR_NO_KEY_UPDATE, populate_existing=True)
    if row is None or row.disabled_at is not None:
        raise OutdatedProofError
    known = (row.password_hash, row.factor_secret is not None)
    if proof.password_hash is not None and known != (proof.password_hash, proof.has_factor):
        raise OutdatedProofError
    expect_session(session, proof.session_id)
    return row


def expect_session(session: Session, session_id: int | None) -> None:
    """Lock a session so that it does not end before the transaction; None means the command line.

    Raises OutdatedProofError if it has ended. Users are locked before sessions.
    """
    if session_id is None:
        return
    query = select(SessionRow.id).where(SessionRow.id == session_id).with_for_update(read=True)
    if session.scalar(query) is None:
        raise OutdatedProofError

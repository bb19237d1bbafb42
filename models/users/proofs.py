"""What somebody has shown to be themselves, and whether it still holds where something is written because of it.

Checking a password takes a while, and meanwhile it may be changed, its user disabled or their session ended.
"""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.tables import SessionRow, UserRow


@dataclass(frozen=True, slots=True)
class Proof:
    """What a user has shown: the password with this hash, or the session that they are in, or both.

    ``has_factor`` is whether a second factor was asked of them when they gave the password.
    """

    user_id: int
    password_hash: str | None = field(default=None, repr=False)
    has_factor: bool = False
    session_id: int | None = None


class OutdatedProofError(Exception):
    """What was shown holds no more; nothing was changed."""


def expect(session: Session, proof: Proof) -> UserRow:
    """Lock the user whose proof this is until the transaction ends, so that it holds as long.

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
    """Keep a session from ending until the transaction does; None is that of the command line.

    Raises OutdatedProofError where it has ended. Users are locked before sessions.
    """
    if session_id is None:
        return
    one = select(SessionRow.id).where(SessionRow.id == session_id).with_for_update(read=True)
    if session.scalar(one) is None:
        raise OutdatedProofError

"""The tables of the people who see the pages, and of who is signed in."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base


class UserRow(Base):
    """Who may see the pages; ``everywhere`` gives all connections, else they are in :class:`GrantRow`.

    ``subject`` is who they are to the OpenID provider, ``password_hash`` argon2's; a user has one or both.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    everywhere: Mapped[bool] = mapped_column(server_default=false())
    language: Mapped[str]
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class GrantRow(Base):
    """This user may see that connection."""

    __tablename__ = "grants"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class SessionRow(Base):
    """Who is signed in, found by the hash of the token in their cookie."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class FailedSignInRow(Base):
    """A refused sign-in, for those to come to be slowed down."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (
        Index("failed_sign_ins_email", "email", "at"),
        Index("failed_sign_ins_address", "address", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]

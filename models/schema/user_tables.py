"""The tables of users, their sessions and what signs them in, and of the API tokens of programs."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, BigId, ConnectionId

UserId = Annotated[int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"))]
TokenId = Annotated[int, mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))]


class UserRow(Base):
    """A user of the pages. ``everywhere`` grants all connections, otherwise they are in :class:`GrantRow`.

    ``subject`` identifies them at the OpenID provider, ``password_hash`` is an argon2 hash; a user has one or
    both. If ``password_is_temporary``, they must change it before anything else. ``factor_secret`` is encrypted,
    None without a second factor; ``factor_used`` is the period of the last accepted code, and ``wrong_codes``
    counts the rejected codes since then.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    everywhere: Mapped[bool] = mapped_column(server_default=false())
    language: Mapped[str]
    password_hash: Mapped[str | None]
    password_is_temporary: Mapped[bool] = mapped_column(server_default=false())
    factor_secret: Mapped[str | None]
    factor_used: Mapped[int | None] = mapped_column(BigInteger)
    wrong_codes: Mapped[int] = mapped_column(server_default="0")
    subject: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class GrantRow(Base):
    __tablename__ = "grants"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True, index=True)


class PasswordLinkRow(Base):
    """A user may choose a password by the link with this token, which the worker makes that mails the link."""

    __tablename__ = "password_links"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    invites: Mapped[bool]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    token_hash: Mapped[str | None] = mapped_column(unique=True)


class RecoveryCodeRow(Base):
    """A code that replaces the second factor, once."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    code_hash: Mapped[str] = mapped_column(primary_key=True)


class DeviceRow(Base):
    """A browser that a user has signed in from, identified by the hash of its cookie."""

    __tablename__ = "devices"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class SessionRow(Base):
    """The session of a user who is signed in, or who ``awaits_code``: the password is verified, the code is not.

    ``device`` describes the browser, and ``confirmed_at`` is when the user last proved their identity. ``notice``
    is shown once, on the next page.
    """

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UserId] = mapped_column(index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(server_default="")
    by_openid: Mapped[bool] = mapped_column(server_default=false())
    awaits_code: Mapped[bool] = mapped_column(server_default=false())
    confirmed_at: Mapped[datetime | None]
    notice: Mapped[dict[str, Any] | None]


class FailedSignInRow(Base):
    """A sign-in to the account with this ``email`` that was rejected or is in progress.

    Successful sign-ins are counted here too, under the id of the user instead of the ``email``.
    """

    __tablename__ = "failed_sign_ins"
    __table_args__ = (
        Index("failed_sign_ins_email", "email", "at"),
        Index("failed_sign_ins_address", "address", "at"),
    )

    id: Mapped[BigId]
    email: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]


class ApiTokenRow(Base):
    """A token by which a program uses the API; only its hash is stored.

    ``scopes`` are the values of :class:`models.users.tokens.TokenScope`, separated by spaces. It is for all
    connections if ``everywhere`` is set, otherwise for those in :class:`ApiTokenGrantRow`.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[str]
    everywhere: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiTokenGrantRow(Base):
    __tablename__ = "api_token_grants"

    token_id: Mapped[TokenId] = mapped_column(primary_key=True)
    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True, index=True)


class IdempotencyKeyRow(Base):
    """A request that a program may repeat: ``response`` is encrypted, None while the request is processed.

    ``fingerprint`` is the hash of the request, so that another request with the same key is recognized.
    """

    __tablename__ = "idempotency_keys"

    token_id: Mapped[TokenId] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    response: Mapped[str | None]

"""The tables of the API: its tokens and its idempotency keys."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import ForeignKey, Identity, false
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, ConnectionId

TokenId = Annotated[int, mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))]


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

"""The table of the links by which users choose a password."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, UserId


class PasswordLinkRow(Base):
    """A link by which a user may choose a password; the worker that mails it makes its token."""

    __tablename__ = "password_links"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    invites: Mapped[bool]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    token_hash: Mapped[str | None] = mapped_column(unique=True)

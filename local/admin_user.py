"""The first administrator of the pages on this machine, whose password is kept with the other secrets."""

import secrets
from contextlib import closing
from datetime import datetime

from local.environment import WHO, kept_secrets
from local.stack import Stack
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights

EMAIL = "admin@example.com"
PASSWORD = "ADMIN_PASSWORD"  # noqa: S105 - the name of it


def create(stack: Stack, *, now: datetime) -> str:
    """Make the administrator where there are no users yet, and tell how to sign in."""
    maker = {PASSWORD: lambda: secrets.token_urlsafe(12)}
    password = kept_secrets(stack.plan.state / "secrets.env", maker)[PASSWORD]
    with closing(stack.database()) as database:
        if users.all_users(database):
            return f"Sign in as {EMAIL} or another user."
        rights = Rights(Role.ADMINISTRATOR, Scope())
        users.add(database, EMAIL, rights, password=password, actor=WHO, now=now)
    return f"Sign in as {EMAIL} with the password {password}."

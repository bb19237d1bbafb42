"""Accounts with a password, as tests of users, sessions and sign-ins need them."""

from models.database import Database
from models.enums import Role, Scope
from models.users import repository as users
from models.users import sign_in
from models.users.repository import Rights, User
from tests.factories import NOW

EMAIL = "anna@example.com"
PASSWORD = "correct horse battery"
EVERYTHING = Rights(Role.ADMINISTRATOR, Scope())


def add_user(database: Database, email: str = EMAIL, rights: Rights = EVERYTHING) -> User:
    return users.add(database, email, rights, password=PASSWORD, actor="test", now=NOW)


def check_password(database: Database, password: str = PASSWORD, email: str = EMAIL) -> int:
    """Return the id of the user if the password is right."""
    return sign_in.check_password(database, email, password, address="192.0.2.1", now=NOW).user_id
